//! Why storage said no, in the terms a caller can act on.

use std::{error, fmt, io};

/// Why storage said no. The session turns each into its reply code.
#[derive(Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// Nothing has that name.
    NotFound,
    /// Something has that name already.
    Exists,
    /// A directory was needed.
    NotADirectory,
    /// A directory was met where a file was needed.
    IsADirectory,
    /// A device, socket or FIFO was met where a file was needed.
    NotAFile,
    /// The directory still holds entries.
    NotEmpty,
    /// The permissions of the file system say no.
    NotPermitted,
    /// The file system is mounted read-only.
    ReadOnly,
    /// Another upload is writing into the same file.
    Busy,
    /// The name cannot be used: too long, reserved, the root, or it holds control bytes.
    InvalidName,
    /// The restart offset lies behind the end of the file.
    BeyondEnd,
    /// The bytes do not fill the range that they were meant for, or do not fit into it.
    OutOfRange,
    /// The device is full.
    NoSpace,
    /// A quota or the greatest file size is reached.
    QuotaExceeded,
    /// This storage has no such thing.
    Unsupported,
    /// Anything else that the system reported.
    Io(io::Error),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StorageError::NotFound => "no such file or directory",
            StorageError::Exists => "the name is taken",
            StorageError::NotADirectory => "not a directory",
            StorageError::IsADirectory => "it is a directory",
            StorageError::NotAFile => "not a regular file",
            StorageError::NotEmpty => "the directory is not empty",
            StorageError::NotPermitted => "permission denied",
            StorageError::ReadOnly => "the file system is read-only",
            StorageError::Busy => "another upload is writing into the file",
            StorageError::InvalidName => "the name cannot be used",
            StorageError::BeyondEnd => "the restart offset lies behind the end of the file",
            StorageError::OutOfRange => "the bytes and their range differ in length",
            StorageError::NoSpace => "no space left on the device",
            StorageError::QuotaExceeded => "quota or file size limit reached",
            StorageError::Unsupported => "this storage has no such thing",
            StorageError::Io(error) => return write!(f, "storage failed: {error}"),
        })
    }
}

impl error::Error for StorageError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            StorageError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> StorageError {
        match error.kind() {
            io::ErrorKind::NotFound => StorageError::NotFound,
            io::ErrorKind::AlreadyExists => StorageError::Exists,
            io::ErrorKind::NotADirectory => StorageError::NotADirectory,
            io::ErrorKind::IsADirectory => StorageError::IsADirectory,
            io::ErrorKind::DirectoryNotEmpty => StorageError::NotEmpty,
            // Somebody holds the lock that an append takes.
            io::ErrorKind::WouldBlock => StorageError::Busy,
            // A mount inside a tree cannot be moved, removed or renamed across.
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::CrossesDevices
            | io::ErrorKind::ResourceBusy => StorageError::NotPermitted,
            io::ErrorKind::ReadOnlyFilesystem => StorageError::ReadOnly,
            io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => {
                StorageError::InvalidName
            }
            io::ErrorKind::StorageFull => StorageError::NoSpace,
            io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StorageError::QuotaExceeded
            }
            _ => StorageError::Io(error),
        }
    }
}
