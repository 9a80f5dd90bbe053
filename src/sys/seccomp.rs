//! System calls that a thread does without (seccomp(2)): the kernel answers them with EPERM.
//!
//! A list of what is denied and not of what is allowed: libc and OpenSSL call what their next
//! release finds useful, and a server that dies of an update protects nobody.

use crate::sys::trial::try_out;
use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::{env::consts::ARCH, io, sync::Arc};

/// What no session has a use for: programs, other processes, mounts, the kernel itself.
const DENIED: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_personality,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
];

/// Further ones of this kind of processor, and those of DENIED that have another number when they
/// are called in the form x32 (`__X32_SYSCALL_BIT`).
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[c_long] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    X32 | 520, // execve
    X32 | 545, // execveat
    X32 | 521, // ptrace
    X32 | 539, // process_vm_readv
    X32 | 540, // process_vm_writev
    X32 | 528, // kexec_load
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[c_long] = &[];

/// The mark of the second way to call the same (`__X32_SYSCALL_BIT`); 0 where there is none.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;
#[cfg(not(target_arch = "x86_64"))]
const X32: c_long = 0;

/// The list, ready for the kernel.
#[derive(Clone, Debug)]
pub struct Filter(Arc<BpfProgram>);

impl Filter {
    /// An error on processors that the list was never written for, and where the kernel
    /// takes no filters.
    pub fn new() -> io::Result<Filter> {
        let architecture = TargetArch::try_from(ARCH).map_err(io::Error::other)?;
        let denied = DENIED.iter().chain(DENIED_HERE);
        let rules = denied.flat_map(|number| [*number, *number | X32]).map(|it| (it, Vec::new()));
        let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        // Calls by the conventions of another architecture, a 32-bit one, end the process.
        let program =
            SeccompFilter::new(rules.collect(), SeccompAction::Allow, eperm, architecture)
                .and_then(BpfProgram::try_from)
                .map_err(io::Error::other)?;
        let filter = Filter(Arc::new(program));
        try_out(|| filter.restrict_thread())?;
        Ok(filter)
    }

    /// Denies them to the calling thread, and to threads that it starts, for good.
    pub fn restrict_thread(&self) -> io::Result<()> {
        apply_filter(&self.0).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command, thread};

    #[test]
    fn a_restricted_thread_starts_no_program_and_the_others_do() {
        let filter = Filter::new().unwrap();
        let restricted = move || {
            filter.restrict_thread().unwrap();
            let denied = Command::new("true").status().unwrap_err();
            assert_eq!(denied.raw_os_error(), Some(libc::EPERM));
            let chroot = rustix::process::chroot("/").map_err(|error| error.raw_os_error());
            assert_eq!(chroot, Err(libc::EPERM));
            fs::read("/etc/passwd").unwrap();
        };
        thread::scope(|scope| {
            scope.spawn(restricted);
        });
        assert!(Command::new("true").status().unwrap().success());
    }
}
