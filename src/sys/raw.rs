//! The calls of the system and of libssl that no crate offers safely, as functions that are safe to
//! call. All `unsafe` of this program stands here, but for what C calls (`capi/border.rs`).
//!
//! What a call takes to be sound is in the types of its arguments, or is looked up here before it.
//! What the calls are for is told by those who make them: `openssl`, `inherited`, `memory`.
#![allow(unsafe_code)]

use foreign_types::ForeignTypeRef;
use openssl::{
    error::ErrorStack,
    ex_data::Index,
    ssl::{SslContext, SslContextBuilder, SslRef, SslSession, SslStream},
};
use std::{
    env,
    ffi::{OsString, c_int, c_long, c_uchar, c_uint, c_void},
    fs::{self, File},
    io,
    ops::Range,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::fs::FileExt,
    },
    slice,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

// libssl. All are in ssl.h and missing from openssl-sys.
unsafe extern "C" {
    fn SSL_set_session_id_context(
        ssl: *mut openssl_sys::SSL,
        context: *const c_uchar,
        length: c_uint,
    ) -> c_int;
    fn SSL_CTX_set_timeout(context: *mut openssl_sys::SSL_CTX, seconds: c_long) -> c_long;
    fn SSL_new_session_ticket(ssl: *mut openssl_sys::SSL) -> c_int;
    fn SSL_set_options(ssl: *mut openssl_sys::SSL, options: u64) -> u64;
}

/// SSL_set_session_id_context(3), for as many bytes as libssl takes.
pub fn set_session_id_context(ssl: &mut SslRef, context: &[u8; 16]) -> Result<(), ErrorStack> {
    // SAFETY: `ssl` is a live SSL that nobody else uses meanwhile, and libssl copies the bytes of
    // `context`, whose length is within SSL_MAX_SID_CTX_LENGTH (32).
    let done = unsafe {
        SSL_set_session_id_context(ssl.as_ptr(), context.as_ptr(), context.len() as c_uint)
    };
    if done == 1 { Ok(()) } else { Err(ErrorStack::get()) }
}

/// SSL_CTX_set_timeout(3).
pub fn set_session_timeout(context: &mut SslContextBuilder, seconds: u32) {
    // SAFETY: the builder owns a live SSL_CTX that nobody else uses yet. The call stores a number.
    unsafe { SSL_CTX_set_timeout(context.as_ptr(), seconds.into()) };
}

/// SSL_OP_CLEANSE_PLAINTEXT of OpenSSL 3; a bit without a meaning before.
const CLEANSE_PLAINTEXT: u64 = 1 << 1;

/// SSL_set_options(3) with `SSL_OP_CLEANSE_PLAINTEXT`.
pub fn cleanse_plaintext(ssl: &mut SslRef) {
    // SAFETY: `ssl` is a live SSL that nobody else uses meanwhile. The call only sets bits in it.
    unsafe { SSL_set_options(ssl.as_ptr(), CLEANSE_PLAINTEXT) };
}

/// SSL_new_session_ticket(3), which libssl refuses in every state but the right one.
pub fn new_session_ticket<S>(stream: &mut SslStream<S>) -> Result<(), ErrorStack> {
    // SAFETY: the SSL lives as long as its stream, which nobody else uses meanwhile: the crate lends
    // it by the stream alone.
    let done = unsafe { SSL_new_session_ticket(stream.ssl().as_ptr()) };
    if done == 1 { Ok(()) } else { Err(ErrorStack::get()) }
}

/// A session that a server may resume, and the mark of the context that it came by.
pub struct Ticket {
    session: SslSession,
    context: u64,
}

/// Where the mark of a context stands in it. Nobody else can write there: the index is known here only.
static MARK: LazyLock<Result<Index<SslContext, u64>, ErrorStack>> =
    LazyLock::new(SslContext::new_ex_index);

/// Hands every session of the context's connections to `keep`.
pub fn keep_tickets(
    context: &mut SslContextBuilder,
    keep: impl Fn(Ticket) + Send + Sync + 'static,
) -> Result<(), ErrorStack> {
    static MARKED: AtomicU64 = AtomicU64::new(0);
    let mark = MARKED.fetch_add(1, Ordering::Relaxed);
    context.set_ex_data(MARK.clone()?, mark);
    context.set_new_session_callback(move |_, session| keep(Ticket { session, context: mark }));
    Ok(())
}

/// SSL_set_session(3). Whether `ssl` is of the context that the ticket came by; nothing is offered if not.
pub fn offer_ticket(ssl: &mut SslRef, ticket: &Ticket) -> Result<bool, ErrorStack> {
    if ssl.ssl_context().ex_data(MARK.clone()?) != Some(&ticket.context) {
        return Ok(false);
    }
    // SAFETY: the session must be of the SSL's own context. Each context has a mark of its own, which
    // its callback, the one maker of its tickets, has put into this one. libssl takes a reference.
    unsafe { ssl.set_session(&ticket.session) }.map(|()| true)
}

/// An error when this is not the only thread of the process.
fn demand_one_thread() -> io::Result<()> {
    match fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        count => Err(io::Error::other(format!("{count} threads run already"))),
    }
}

/// Takes a variable out of the environment. An error when it is there, and a second thread as well.
pub fn take_variable(name: &str) -> io::Result<Option<OsString>> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    demand_one_thread()?;
    // SAFETY: this is the only thread of the process, so nobody reads the environment meanwhile.
    unsafe { env::remove_var(name) };
    Ok(Some(value))
}

/// The last of the descriptors that belong to nobody, and to everybody.
const STANDARD_ERROR: RawFd = 2;

/// Takes a descriptor that this process was started with, and closes it on exec. An error when it cannot
/// be one, or has been taken before, or a second thread runs already.
pub fn take_handed(number: RawFd) -> io::Result<OwnedFd> {
    demand_one_thread()?;
    let was_handed =
        descriptor_flags(number, None).is_ok_and(|flags| flags & libc::FD_CLOEXEC == 0);
    if number <= STANDARD_ERROR || !was_handed {
        return Err(io::Error::other(format!("descriptor {number} was not handed over")));
    }
    descriptor_flags(number, Some(libc::FD_CLOEXEC))?;
    // SAFETY: the descriptor is open, and no other thread can close it. Nobody owns it yet: what comes
    // over an exec is not closed by one, and all that std and the crates here open is; as this one is
    // from now on, so that nobody takes it twice.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes a descriptor on exec, whoever has opened it; standard streams stay as they are.
pub fn close_on_exec(number: RawFd) -> io::Result<()> {
    match number {
        ..=STANDARD_ERROR => Ok(()),
        _ => descriptor_flags(number, Some(libc::FD_CLOEXEC)).map(drop),
    }
}

/// fcntl(2): tells the flags of a descriptor, or sets them.
fn descriptor_flags(number: RawFd, new: Option<c_int>) -> io::Result<c_int> {
    let (command, argument) = new.map_or((libc::F_GETFD, 0), |flags| (libc::F_SETFD, flags));
    // SAFETY: both commands take a number, refuse one that nothing stands behind, and neither read, close
    // nor move what they find.
    let told = unsafe { libc::fcntl(number, command, argument) };
    if told == -1 { Err(io::Error::last_os_error()) } else { Ok(told) }
}

/// Sets these parameters of malloc(3). An error when a second thread runs already: mallopt(3) writes
/// what other threads read.
#[cfg(target_env = "gnu")]
pub fn set_malloc(parameters: &[(c_int, c_int)]) -> io::Result<()> {
    demand_one_thread()?;
    for (parameter, value) in parameters {
        // SAFETY: mallopt takes two numbers, refuses those that it does not know, and is alone.
        unsafe { libc::mallopt(*parameter, *value) };
    }
    Ok(())
}

/// malloc_trim(3).
#[cfg(target_env = "gnu")]
pub fn trim_malloc() {
    // SAFETY: malloc_trim takes no pointer, frees nothing that is in use, and locks what it looks at.
    unsafe { libc::malloc_trim(0) };
}

/// Code and constants of this program and its libraries, as they are in memory: pages of their files
/// that nobody writes to.
pub struct Constants(());

/// Bits of /proc/PID/pagemap for a page that is in memory, or was until it went to swap space, and for
/// one that is a file's.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

impl Constants {
    /// An error when some are not as in their files: whoever moves code to huge pages, or patches it,
    /// has put something else in their place. Kernels of small devices may be built without the means
    /// to look (`CONFIG_PROC_PAGE_MONITOR`); there the headers of the program are believed.
    pub fn find() -> io::Result<Constants> {
        let pages = match File::open("/proc/self/pagemap") {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Constants(())),
            Err(error) => return Err(error),
        };
        let mut segments = Vec::new();
        for_constant_segments(&mut |segment| segments.push(segment));
        for segment in segments {
            let mut entries = vec![0; segment.len() / page_bytes() * 8];
            pages.read_exact_at(&mut entries, (segment.start / page_bytes() * 8) as u64)?;
            let (entries, _) = entries.as_chunks::<8>();
            for entry in entries.iter().map(|entry| u64::from_ne_bytes(*entry)) {
                let is_as_in_file = entry & PRESENT == 0 || entry & OF_FILE != 0;
                if entry & SWAPPED != 0 || !is_as_in_file {
                    return Err(io::Error::other("code or constants are not as in their file"));
                }
            }
        }
        Ok(Constants(()))
    }

    /// Has the kernel take them out of this process, and bring back from its page cache what is used
    /// again: 64 KiB at a time, without reading it anew if it is still there.
    pub fn let_go(&self) {
        for_constant_segments(&mut |segment| {
            // SAFETY: the pages are those of a file, which the kernel or the dynamic linker has mapped
            // privately and not for writing, and which stay mapped during the call. Whoever uses one, on
            // any thread and at this very moment, gets the same bytes from the file again; the kernel
            // itself takes such pages, at any time, when it is short of memory. Bytes would be lost where
            // somebody had written. The linker does so in objects with text relocations, which are passed
            // over; `find` has seen nothing of others; and who begins later, as a debugger does, changes
            // code behind this program's back. Pages that are locked are refused, and those of the vDSO
            // are the kernel's, which shows them again.
            unsafe {
                libc::madvise(segment.start as *mut c_void, segment.len(), libc::MADV_DONTNEED)
            };
        });
    }
}

type Visitor<'a> = &'a mut dyn FnMut(Range<usize>);

/// Shows the whole pages of all constant segments, by address. No library is unloaded meanwhile, and the
/// visitor must not load one.
fn for_constant_segments(mut visitor: Visitor<'_>) {
    // SAFETY: the callback gets the visitor that it expects, which lives until all calls are over.
    unsafe { libc::dl_iterate_phdr(Some(visit_object), (&raw mut visitor).cast()) };
}

/// The callback of dl_iterate_phdr(3).
unsafe extern "C" fn visit_object(
    info: *mut libc::dl_phdr_info,
    _: usize,
    visitor: *mut c_void,
) -> c_int {
    // SAFETY: the linker passes an object that stays loaded during this call, and what
    // `for_constant_segments` gave it, which nobody else uses meanwhile.
    let (info, visitor) = unsafe { (&*info, &mut *visitor.cast::<Visitor<'_>>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: as many headers stand there, for as long as the object is loaded.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let base = info.dlpi_addr as usize;
    let dynamic = headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC).map(|header| {
        let (at, bytes) = (base.wrapping_add(header.p_vaddr as usize), header.p_memsz as usize);
        // SAFETY: the object's dynamic section is there, words in pairs, and is written while the object
        // is loaded and before anybody is shown it.
        unsafe { slice::from_raw_parts(at as *const [usize; 2], bytes / size_of::<[usize; 2]>()) }
    });
    if dynamic.is_some_and(has_text_relocations) {
        return 0;
    }
    let page = page_bytes();
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        let is_of_file = header.p_memsz == header.p_filesz;
        let start = base.wrapping_add(header.p_vaddr as usize);
        // A page that a segment has a part of may be another's as well.
        let end = start.wrapping_add(header.p_filesz as usize) / page * page;
        let start = start.next_multiple_of(page);
        if header.p_flags & libc::PF_W == 0 && is_of_file && start < end {
            visitor(start..end);
        }
    }
    0
}

/// Whether the linker writes to the object's code (`DT_TEXTREL`, `DF_TEXTREL`).
fn has_text_relocations(dynamic: &[[usize; 2]]) -> bool {
    const DT_NULL: usize = 0;
    const DT_TEXTREL: usize = 22;
    const DT_FLAGS: usize = 30;
    const DF_TEXTREL: usize = 4;
    let mut entries = dynamic.iter().take_while(|[tag, _]| *tag != DT_NULL);
    entries.any(|[tag, value]| *tag == DT_TEXTREL || *tag == DT_FLAGS && value & DF_TEXTREL != 0)
}

fn page_bytes() -> usize {
    // SAFETY: sysconf takes a number and tells one, which is there on every Linux.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ssl::{Ssl, SslMethod, SslSessionCacheMode, SslVersion};
    use std::{
        os::{fd::AsRawFd, unix::net::UnixStream},
        sync::mpsc,
        thread,
    };

    #[test]
    fn what_takes_a_lonely_thread_is_refused_to_one_of_several() {
        let refused = |error: io::Error| assert!(error.to_string().contains("threads run already"));
        let (hold, held) = mpsc::channel::<()>();
        thread::scope(move |scope| {
            scope.spawn(move || held.recv());
            let file = File::open("/proc/self/maps").unwrap();
            refused(take_handed(file.as_raw_fd()).unwrap_err());
            refused(take_variable("PATH").unwrap_err());
            #[cfg(target_env = "gnu")]
            refused(set_malloc(&[(libc::M_TRIM_THRESHOLD, 128 << 10)]).unwrap_err());
            assert!(env::var_os("PATH").is_some());
            assert!(take_variable("FXPD_NOBODY_SETS_THIS").unwrap().is_none());
            drop(hold);
        });
    }

    #[test]
    fn no_number_is_closed_on_exec_that_nothing_stands_behind() {
        assert!(close_on_exec(RawFd::MAX).is_err());
        assert!(close_on_exec(STANDARD_ERROR).is_ok());
        assert_eq!(descriptor_flags(STANDARD_ERROR, None).unwrap() & libc::FD_CLOEXEC, 0);
    }

    #[test]
    fn constants_are_as_in_their_files_and_there_again_when_they_are_used() {
        static CONSTANT: [u8; 1 << 16] = [7; 1 << 16];
        let constants = Constants::find().unwrap();
        let (mut segments, mut bytes) = (0, 0);
        for_constant_segments(&mut |segment| {
            segments += 1;
            bytes += segment.len();
        });
        assert!(segments > 5 && bytes > 1 << 20, "{segments} segments of {bytes} bytes");
        for _ in 0..100 {
            constants.let_go();
            assert!(CONSTANT.iter().all(|byte| *byte == 7));
        }
        // As a debugger writes.
        let memory = File::options().write(true).open("/proc/self/mem").unwrap();
        memory.write_at(&[7], &raw const CONSTANT[1 << 15] as u64).unwrap();
        assert!(Constants::find().is_err());
        constants.let_go();
        assert!(Constants::find().is_ok());
    }

    #[test]
    fn objects_with_text_relocations_are_told_from_others() {
        for (dynamic, has) in [
            (&[[1, 1], [22, 0], [0, 0]][..], true),
            (&[[30, 4], [0, 0]], true),
            (&[[30, 8], [0, 0], [22, 0]], false),
            (&[], false),
        ] {
            assert_eq!(has_text_relocations(dynamic), has, "{dynamic:?}");
        }
    }

    /// A context whose ends need no certificate.
    fn context(keep: impl Fn(Ticket) + Send + Sync + 'static) -> SslContext {
        let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list("AECDH:@SECLEVEL=0").unwrap();
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
        keep_tickets(&mut builder, keep).unwrap();
        builder.build()
    }

    #[test]
    fn a_ticket_is_offered_to_its_own_context_alone() {
        let (give, given) = mpsc::channel();
        let own = context(move |ticket| give.send(ticket).unwrap());
        let other = context(drop);
        let unmarked = SslContext::builder(SslMethod::tls()).unwrap().build();
        let (here, there) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| Ssl::new(&other).unwrap().accept(there).unwrap());
            Ssl::new(&own).unwrap().connect(here).unwrap();
        });
        let ticket = given.recv().unwrap();
        for (context, is_own) in [(own, true), (other, false), (unmarked, false)] {
            let mut ssl = Ssl::new(&context).unwrap();
            assert_eq!(offer_ticket(&mut ssl, &ticket).unwrap(), is_own);
            assert_eq!(ssl.session().is_some(), is_own);
        }
    }
}
