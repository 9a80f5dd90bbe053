//! Handing a descriptor to another process, over a socket between the two (`SCM_RIGHTS`, unix(7)).
//!
//! Each message is one descriptor. All that are made here are closed on exec.

use crate::sys::poll::{self, Interest};
use rustix::{
    cmsg_space,
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
    stdio::dup2_stdin,
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Instant,
};

/// What a message says beside its descriptor: the kernel carries none without a byte.
const BYTE: [u8; 1] = [b'.'];

/// The two ends of a way for descriptors. Whole messages pass, however many send at a time, and each
/// end sees when the other is gone.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Hands `given` over, and waits for room until `deadline`.
pub fn send(way: BorrowedFd<'_>, given: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [given];
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match sendmsg(way, &[IoSlice::new(&BYTE)], &mut control, flags) {
            Ok(_) => return Ok(()),
            Err(Errno::AGAIN) if Instant::now() < deadline => {
                poll::ready(&[(way, Interest::Write)], deadline)?;
            }
            Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What came.
#[derive(Debug)]
pub enum Received {
    /// What was handed over.
    Descriptor(OwnedFd),
    /// A message without one: this process has too many open.
    Nothing,
    /// The other end is gone.
    End,
}

/// Waits for the next message.
pub fn receive(way: BorrowedFd<'_>) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let received = loop {
        match recvmsg(way, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            received => break received,
        }
    };
    match received {
        Ok(message) if message.bytes == 0 => return Ok(Received::End),
        Ok(_) => {}
        Err(Errno::CONNRESET) => return Ok(Received::End),
        Err(error) => return Err(error.into()),
    }
    let given = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok(given.map_or(Received::Nothing, Received::Descriptor))
}

/// What standard input is, which from now on is `/dev/null`: programs that this one starts, and
/// libraries that it calls, shall not have it.
pub fn take_standard_input() -> io::Result<OwnedFd> {
    let taken = io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
        time::Duration,
    };

    #[test]
    fn a_descriptor_arrives_and_the_end_is_seen_on_both_sides() {
        let (here, there) = pair().unwrap();
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        send(here.as_fd(), theirs.as_fd(), Instant::now()).unwrap();
        drop(theirs);
        let Received::Descriptor(theirs) = receive(there.as_fd()).unwrap() else { panic!() };
        let mut theirs = UnixStream::from(theirs);
        theirs.write_all(b"hello").unwrap();
        drop(theirs);
        let mut heard = String::new();
        ours.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
        drop(here);
        assert!(matches!(receive(there.as_fd()).unwrap(), Received::End));
        let (here, there) = pair().unwrap();
        drop(there);
        let error = send(here.as_fd(), ours.as_fd(), Instant::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn nobody_waits_for_ever_for_one_that_takes_nothing() {
        let (here, _there) = pair().unwrap();
        let given = File::open("/dev/null").unwrap();
        let soon = || Instant::now() + Duration::from_millis(20);
        let error = loop {
            if let Err(error) = send(here.as_fd(), given.as_fd(), soon()) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
