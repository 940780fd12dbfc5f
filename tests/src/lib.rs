//! Behaviour tests across packages.
