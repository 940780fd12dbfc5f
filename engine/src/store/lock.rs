//! The lock on a library folder: one process at a time, released by the system when that process ends.

use crate::workspace::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Held while the library is open. The file stays; the lock on it goes with the process or with this value.
#[derive(Debug)]
pub struct LibraryLock {
    file: File,
}

impl Drop for LibraryLock {
    /// Said, not left to the closing of the file: a child that is just being started holds a copy of it until it runs its
    /// own program, and with it the lock.
    fn drop(&mut self) {
        // Where it fails, the file is closed next.
        let _ = self.file.unlock();
    }
}

impl LibraryLock {
    /// Takes the lock of `library` (an existing folder) or says who holds it.
    pub fn take(library: &Path) -> Result<Self, OpenError> {
        let path = library.join("lock");
        let io = |source| OpenError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked { library: library.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // Only for the message above; the lock itself is the system's, so a stale line harms nothing.
        let program = std::env::current_exe().ok().and_then(|p| Some(p.file_name()?.to_string_lossy().into_owned()));
        let line = format!("{} {}\n", std::process::id(), program.unwrap_or_default());
        file.set_len(0).and_then(|()| file.write_all(line.as_bytes())).map_err(io)?;
        Ok(Self { file })
    }
}

fn holder(file: &mut File) -> String {
    let mut line = String::new();
    // The holder may be about to write its line; then there is simply no name to give.
    let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut line));
    match line.trim().split_once(' ') {
        Some((pid, "")) => format!("another program (process {pid})"),
        Some((pid, program)) => format!("{program} (process {pid})"),
        None => "another program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_being_started_does_not_keep_a_closed_library_locked() {
        let folder = tempfile::tempdir().unwrap();
        let lock = LibraryLock::take(folder.path()).unwrap();
        assert!(matches!(LibraryLock::take(folder.path()), Err(OpenError::Locked { .. })));
        let of_the_child = lock.file.try_clone().unwrap();
        drop(lock);
        drop(LibraryLock::take(folder.path()).unwrap());
        drop(of_the_child);
    }
}
