//! The directory that an account is locked into, and the only system calls that take a name.
//!
//! The kernel resolves every path below the root's handle (`openat2`, `RESOLVE_IN_ROOT`): an
//! absolute link or a `..` means what it means in a chroot, whatever is renamed meanwhile. What
//! changes a directory opens it first and then acts with one component. Nothing here knows what a
//! transfer is.

use crate::proto::VirtualPath;
use rustix::fs::{
    self, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, Stat, Statx,
    StatxFlags, Timespec, Timestamps,
};
use rustix::io::Errno;
use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};

/// The handle of a tree's top directory.
#[derive(Clone)]
pub(super) struct Root(Arc<OwnedFd>);

impl Root {
    /// Takes the host's directory `home`, an absolute path, as the top of a tree.
    pub(super) fn of(home: &OsStr) -> io::Result<Root> {
        if !Path::new(home).is_absolute() {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Root(Arc::new(fs::open(home, flags, Mode::empty())?)))
    }

    /// Whether this system can lock anybody in: an error when `openat2` is missing or denied.
    pub(super) fn check() -> io::Result<()> {
        Root::of(OsStr::new("/"))?.resolve(b".", OFlags::PATH).map(drop)
    }

    /// The top directory itself, to ask about and not to read.
    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// What `path` is, links followed.
    pub(super) fn stat(&self, path: &VirtualPath) -> io::Result<Statx> {
        let handle = self.resolve(path.as_bytes(), OFlags::PATH)?;
        Ok(fs::statx(handle, c"", AtFlags::EMPTY_PATH, WANTED)?)
    }

    /// Opens a directory for reading its entries.
    pub(super) fn open_directory(&self, path: &VirtualPath) -> io::Result<OwnedFd> {
        self.resolve(path.as_bytes(), OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens a regular file for reading, or gives `None` for what is neither file nor directory.
    pub(super) fn open_to_read(&self, path: &VirtualPath) -> io::Result<Option<File>> {
        self.open_regular(path, OFlags::RDONLY)
    }

    /// Opens a regular file for writing in place; `None` as for [`Root::open_to_read`]. The file
    /// is locked: two nodes that append to it at once would overwrite each other's bytes.
    pub(super) fn open_to_write(&self, path: &VirtualPath) -> io::Result<Option<File>> {
        let file = self.open_regular(path, OFlags::WRONLY)?;
        if let Some(file) = &file {
            fs::flock(file, FlockOperation::NonBlockingLockExclusive)?;
        }
        Ok(file)
    }

    /// Sets the time of last modification. The time of last access stays.
    pub(super) fn set_modified(
        &self,
        path: &VirtualPath,
        seconds: i64,
        nanos: i32,
    ) -> io::Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: fs::UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: nanos.into() },
        };
        let entry = self.look_at(path)?;
        let set = fs::utimensat(fs::CWD, way_to(&entry), &times, AtFlags::empty());
        set.map_err(without_a_way)
    }

    /// Sets the permission bits, and leaves those above them alone.
    pub(super) fn set_mode(&self, path: &VirtualPath, mode: u32) -> io::Result<()> {
        let entry = self.look_at(path)?;
        let above = fs::fstat(&entry)?.st_mode & 0o7000;
        let mode = Mode::from_raw_mode(above | mode & 0o777);
        let set = fs::chmodat(fs::CWD, way_to(&entry), mode, AtFlags::empty());
        set.map_err(without_a_way)
    }

    /// What the file system of a directory has left for those without privilege.
    pub(super) fn available_bytes(&self, path: &VirtualPath) -> io::Result<u64> {
        let free = fs::fstatvfs(self.resolve(path.as_bytes(), OFlags::PATH)?)?;
        Ok(free.f_bavail.saturating_mul(free.f_frsize))
    }

    /// A handle of what shall be changed, for what acts on names would follow links out of the tree.
    /// Nothing is opened: some devices do something when they are.
    fn look_at(&self, path: &VirtualPath) -> io::Result<OwnedFd> {
        self.resolve(path.as_bytes(), OFlags::PATH)
    }

    /// Where the entry `path` stands, itself not followed. The top has no place.
    pub(super) fn place(&self, path: &VirtualPath) -> io::Result<Place> {
        let name = path.name().ok_or(io::ErrorKind::InvalidFilename)?;
        self.place_in(path.parent().as_bytes(), name)
    }

    /// Where the entry stands that `path` leads to when links are followed; nothing needs to be
    /// there. Each step is resolved by the kernel, so a link that changes under our hands can
    /// lead elsewhere in the tree, never out of it.
    pub(super) fn place_behind_links(&self, path: &VirtualPath) -> io::Result<Place> {
        let mut place = self.place(path)?;
        let mut parent = path.parent().as_bytes().to_vec();
        for _ in 0..MAX_LINKS {
            let Some(target) = place.read_link()? else { return Ok(place) };
            let mut joined = if target.starts_with(b"/") { Vec::new() } else { parent };
            joined.push(b'/');
            joined.extend_from_slice(&target);
            let cut = joined.iter().rposition(|b| *b == b'/').unwrap_or(0);
            let name = joined.split_off(cut + 1);
            if matches!(name.as_slice(), b"" | b"." | b"..") {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            place = self.place_in(&joined, &name)?;
            parent = joined;
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// Where `name`, one component, stands in the directory that the path `parent` leads to.
    pub(super) fn place_in(&self, parent: &[u8], name: &[u8]) -> io::Result<Place> {
        let directory = Arc::new(self.resolve(parent, OFlags::PATH | OFlags::DIRECTORY)?);
        Ok(Place { directory, parent: parent.into(), name: name.to_vec() })
    }

    fn open_regular(&self, path: &VirtualPath, access: OFlags) -> io::Result<Option<File>> {
        // Without NONBLOCK a FIFO would hold this session until somebody opens its other end.
        let wary = access | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match self.resolve(path.as_bytes(), wary) {
            Ok(file) => file,
            Err(error) if is_no_file(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        match FileType::from_raw_mode(fs::fstat(&file)?.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(io::ErrorKind::IsADirectory.into()),
            _ => return Ok(None),
        }
        fs::fcntl_setfl(&file, fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(Some(File::from(file)))
    }

    fn resolve(&self, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let limits = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..MAX_TRIES {
            match fs::openat2(&*self.0, path, flags | OFlags::CLOEXEC, Mode::empty(), limits) {
                // A rename anywhere can leave the kernel unsure whether a `..` stayed inside.
                Err(Errno::AGAIN | Errno::INTR) => {}
                // A loop of links, or a link that is not followed, leads nowhere.
                Err(Errno::LOOP) => return Err(io::ErrorKind::NotFound.into()),
                other => return Ok(other?),
            }
        }
        // Not EAGAIN, which means a lock to our caller.
        Err(io::Error::other("the path kept changing while it was resolved"))
    }
}

/// What is asked of an entry that is shown: all that `stat` tells, and the time of creation.
pub(super) const WANTED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

/// Links followed before a chain counts as endless; the kernel's own number is 40.
const MAX_LINKS: usize = 16;

/// Tries to resolve a path while others rename.
const MAX_TRIES: usize = 32;

/// Where what we have a handle of is found without a name. To link it by its descriptor alone takes
/// a privilege, and to change its mode takes Linux 6.6.
fn way_to(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// What we have a handle of is there; what may be missing is the way to it.
fn without_a_way(error: Errno) -> io::Error {
    match error {
        Errno::NOENT => io::Error::other("nothing is mounted at /proc"),
        other => other.into(),
    }
}

/// A socket, or a FIFO that nobody reads, refuses to be opened.
fn is_no_file(error: &io::Error) -> bool {
    let code = Errno::from_io_error(error);
    code == Some(Errno::NXIO) || code == Some(Errno::NODEV)
}

/// One name in one open directory. Links are not followed: what is done is done to the name.
#[derive(Clone)]
pub(super) struct Place {
    directory: Arc<OwnedFd>,
    /// The path in the tree that led there.
    parent: Arc<[u8]>,
    name: Vec<u8>,
}

impl Place {
    /// The same directory's place called `name`, which is one component.
    pub(super) fn beside(&self, name: Vec<u8>) -> Place {
        let (directory, parent) = (Arc::clone(&self.directory), Arc::clone(&self.parent));
        Place { directory, parent, name }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The path in the tree that led to its directory, when it was opened.
    pub(super) fn parent(&self) -> &[u8] {
        &self.parent
    }

    /// What stands here; `None` when nothing does.
    pub(super) fn stat(&self) -> io::Result<Option<Stat>> {
        match fs::statat(self.directory.as_fd(), &*self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory that this name is in.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Asks the kernel whether the file may be written, without the traces of opening it.
    pub(super) fn check_writable(&self) -> io::Result<()> {
        let directory = self.directory.as_fd();
        Ok(fs::accessat(directory, &*self.name, fs::Access::WRITE_OK, AtFlags::EACCESS)?)
    }

    /// Makes a file where nothing was, with permission bits `mode` at most.
    pub(super) fn make_file(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        Ok(File::from(fs::openat(self.directory.as_fd(), &*self.name, flags, mode)?))
    }

    /// Makes a file in this directory that has no name, with permission bits `mode` at most; `None`
    /// where there are no such files, or they could be given none later.
    pub(super) fn make_nameless(&self, mode: u32) -> io::Result<Option<File>> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        match fs::openat(self.directory.as_fd(), ".", flags, mode) {
            Ok(file) if fs::stat(way_to(&file)).is_ok() => Ok(Some(File::from(file))),
            // Nothing is mounted at /proc, or the file system lacks the one or the other.
            Ok(_) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::ISDIR | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives this name to a file that has none, if it is free.
    pub(super) fn name_file(&self, file: &File) -> io::Result<()> {
        let directory = self.directory.as_fd();
        let flags = AtFlags::SYMLINK_FOLLOW;
        Ok(fs::linkat(fs::CWD, way_to(file), directory, &*self.name, flags)?)
    }

    /// Makes a directory with permission bits `mode`, whatever the umask of the process is.
    pub(super) fn make_directory(&self, mode: u32) -> io::Result<()> {
        let directory = self.directory.as_fd();
        fs::mkdirat(directory, &*self.name, Mode::from_raw_mode(mode))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = fs::openat(directory, &*self.name, flags, Mode::empty())?;
        // The parent may hand its set-group-ID bit down: that is the operator's wish, and kept.
        let handed_down = Mode::from_raw_mode(fs::fstat(&made)?.st_mode) & Mode::SGID;
        Ok(fs::fchmod(&made, Mode::from_raw_mode(mode) | handed_down)?)
    }

    /// Makes a link to `target`, whatever that is.
    pub(super) fn make_link(&self, target: &[u8]) -> io::Result<()> {
        Ok(fs::symlinkat(target, self.directory.as_fd(), &*self.name)?)
    }

    pub(super) fn remove_directory(&self) -> io::Result<()> {
        Ok(fs::unlinkat(self.directory.as_fd(), &*self.name, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn remove_file(&self) -> io::Result<()> {
        Ok(fs::unlinkat(self.directory.as_fd(), &*self.name, AtFlags::empty())?)
    }

    /// Moves what stands here to `to`, replacing a file there.
    pub(super) fn rename(&self, to: &Place) -> io::Result<()> {
        Ok(fs::renameat(self.directory.as_fd(), &*self.name, to.directory.as_fd(), &*to.name)?)
    }

    /// Moves the file that stands here to `to` if nothing stands there.
    pub(super) fn rename_to_free(&self, to: &Place) -> io::Result<()> {
        let (here, there) = (self.directory.as_fd(), to.directory.as_fd());
        let flags = RenameFlags::NOREPLACE;
        match fs::renameat_with(here, &*self.name, there, &*to.name, flags) {
            // NFS has no such rename; a second link is never made over a taken name either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::linkat(here, &*self.name, there, &*to.name, AtFlags::empty())?;
                self.remove_file()
            }
            other => Ok(other?),
        }
    }

    /// Puts the directory's names on the disk; `file` is one of its open files.
    pub(super) fn sync_directory(&self, file: &File) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match fs::openat(self.directory.as_fd(), ".", flags, Mode::empty()) {
            Ok(directory) => Ok(fs::fsync(directory)?),
            // A drop box may be written, not read; its whole file system can still be synced.
            Err(Errno::ACCESS) => Ok(fs::syncfs(file)?),
            Err(error) => Err(error.into()),
        }
    }

    fn read_link(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::readlinkat(self.directory.as_fd(), &*self.name, Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes())),
            // Not a link, or nothing at all.
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
