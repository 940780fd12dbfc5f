//! (written by the pdf branch)
