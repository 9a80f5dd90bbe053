//! Files on the move: `RETR`, `STOR`, `APPE`, `STOU`, `ABOR`, and the `REST` or `RANG` before them
//! (RFC 959 §4.1.3, RFC 3659 §5, draft-bryan-ftp-range).

use crate::{
    net::NetError,
    proto::{ByteRange, Code, Mode, PathArg, Payload, Reply, Representation, VirtualPath},
    session::{
        Demand, Session,
        data::{About, Data},
        hashing,
        refusal::{Handled, Refusal},
        state::{Member, Portion},
        watch::Limit,
    },
    storage::{Download, Kept, Start, StorageError, Upload},
    transfer::{
        self, Coding, Direction, Hashed, Known, Meter, Pace, Part, PeerProof, TransferError,
        TransferRecord,
    },
};
use jiff::Timestamp;
use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

/// How long we wait, after the last byte, for the peer to close its side. A longer silence is no
/// sign of loss, and the client may be waiting for our reply first.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// One transfer, from its verb to its record. It owns a copy of all it needs: a command that comes
/// meanwhile changes nothing.
struct Transfer {
    path: VirtualPath,
    direction: Direction,
    began: Instant,
    moved: Cell<u64>,
    pace: Pace,
    about: About,
    /// What is known of the whole file afterwards.
    known: RefCell<Option<Known>>,
}

impl Transfer {
    fn new(path: VirtualPath, direction: Direction, pace: Pace) -> Transfer {
        let (began, moved) = (Instant::now(), Cell::new(0));
        let (about, known) = (About::default(), RefCell::default());
        Transfer { path, direction, began, moved, pace, about, known }
    }
}

impl Session {
    /// `REST`: where the next transfer begins.
    pub(super) fn rest(&mut self, offset: u64) -> Handled {
        self.portion = Some(Portion::From(offset));
        Ok(Reply::new(Code::NEED_MORE, format!("Restarting at {offset}: send RETR or STOR.")))
    }

    /// `RANG`: where the next transfer begins and ends.
    pub(super) fn rang(&mut self, range: Option<ByteRange>) -> Handled {
        self.portion = range.map(Portion::Range);
        let text = match range {
            Some(ByteRange { start, end }) => {
                format!("From {start} to {}: send RETR, STOR or HASH.", end - 1)
            }
            None => "The whole file.".to_owned(),
        };
        Ok(Reply::new(Code::NEED_MORE, text))
    }

    /// `RETR`: send a file.
    pub(super) fn retr(&mut self, name: &PathArg) -> Handled {
        let portion = self.take_portion()?;
        let member = self.member()?;
        let path = member.cwd.join(name);
        let (file, from, length) = match portion {
            Some(Portion::Range(range)) => {
                let file = hashing::open_part(&*member.tree, &path, Some(range))?;
                (file, range.start, range.length())
            }
            Some(Portion::From(offset)) => (member.tree.open(&path, offset)?, offset, u64::MAX),
            None => (member.tree.open(&path, 0)?, 0, u64::MAX),
        };
        let whole = from == 0 && length >= file.size();
        let announcement =
            format!("Sending {} bytes.", file.size().saturating_sub(from).min(length));
        let transfer = Transfer::new(path, Direction::Outgoing, self.member()?.rates.pace());
        self.carry_out(transfer, |session, transfer| {
            let data = session.open_for(transfer, &announcement)?;
            session.send(transfer, data, file, whole)
        })
    }

    /// `STOR`: put what the data connection brings into a file.
    pub(super) fn stor(&mut self, name: &PathArg) -> Handled {
        let path = self.member()?.cwd.join(name);
        let announcement = "Send the file.".to_owned();
        match self.take_portion()? {
            None | Some(Portion::From(0)) => self.receive(path, Start::Fresh, announcement),
            Some(Portion::From(offset)) => self.receive(path, Start::At(offset), announcement),
            Some(Portion::Range(range)) => self.receive_range(path, range),
        }
    }

    /// `APPE`: the same, behind what is there. After `REST` it begins at that offset, and after
    /// `RANG` it is `STOR`.
    pub(super) fn appe(&mut self, name: &PathArg) -> Handled {
        let path = self.member()?.cwd.join(name);
        let announcement = "Send what follows.".to_owned();
        match self.take_portion()? {
            None => self.receive(path, Start::End, announcement),
            Some(Portion::From(offset)) => self.receive(path, Start::At(offset), announcement),
            Some(Portion::Range(range)) => self.receive_range(path, range),
        }
    }

    /// `STOU`: the same, under a name that is not taken, told in both replies: 150 has the form
    /// that RFC 1123 §4.1.2.9 asks for, and clients that look for a name when all is done
    /// (RFC 959 §4.1.3) find it there.
    pub(super) fn stou(&mut self) -> Handled {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| {
            log::error!("no random bytes: {error}");
            Refusal::from(Reply::new(Code::LOCAL_ERROR, "No name could be made."))
        })?;
        let name = format!("stou.{:016x}", u64::from_ne_bytes(random));
        let path = self.member()?.cwd.child(name.as_bytes());
        self.receive(path, Start::Unique, format!("FILE: {name}"))?;
        let text = format!("Transfer complete. FILE: {name}");
        Ok(Reply::new(Code::TRANSFER_DONE, text))
    }

    /// `ABOR`: whatever it was to end has ended. During a transfer the watch ends it; the transfer's
    /// reply goes first, then this one (RFC 959 §4.1.3).
    pub(super) fn abor(&mut self) -> Handled {
        self.port = None;
        let (code, text) = match std::mem::take(&mut self.aborted) {
            true => (Code::TRANSFER_DONE, "ABOR done."),
            false => (Code::NO_TRANSFER, "There is nothing to abort."),
        };
        Ok(Reply::new(code, text))
    }

    /// `REST` and `RANG` count bytes of the file, and `TYPE A` sends others. For `REST` clients that
    /// forget `TYPE I` mean them all the same; a range has an end, which must not be missed.
    fn take_portion(&mut self) -> Result<Option<Portion>, Refusal> {
        let portion = self.portion.take();
        let ascii = self.negotiated.representation == Representation::Ascii;
        match portion {
            Some(Portion::Range(_)) if ascii => {
                Err(Reply::new(Code::NEEDS_IMAGE, "A range needs TYPE I.").into())
            }
            portion => Ok(portion),
        }
    }

    fn send(
        &mut self,
        transfer: &Transfer,
        mut data: Data,
        file: Box<dyn Download>,
        whole: bool,
    ) -> Result<(), Refusal> {
        let mut file = Hashed::download(file, self.hasher_for(&data.about, whole));
        let (coding, stall) = self.manner();
        let (moved, stream) = (&transfer.moved, &mut data.stream);
        let meter = Meter { moved, pace: &transfer.pace };
        let outcome = self.watched(stall, moved, |watch| {
            transfer::send(&mut file, stream, coding, meter, watch)
        })?;
        outcome?;
        self.linger(&mut data)?;
        self.learn(transfer, file.end());
        Ok(())
    }

    fn receive(&mut self, path: VirtualPath, start: Start, announcement: String) -> Handled {
        // The file is asked for before 150, so that a refusal never costs a handshake; it is
        // changed only when the first byte is there.
        let upload = self.member()?.tree.create(&path, start)?;
        let whole = matches!(start, Start::Fresh | Start::Unique);
        self.receive_into(path, upload, whole, &announcement)
    }

    /// Receives exactly `range`. A file that is not there is one of no bytes.
    fn receive_range(&mut self, path: VirtualPath, range: ByteRange) -> Handled {
        let tree = &self.member()?.tree;
        let upload = match tree.create(&path, Start::Over(range.start)) {
            Err(StorageError::NotFound) if range.start == 0 => tree.create(&path, Start::Unique)?,
            upload => upload?,
        };
        let part = Box::new(Part::new(upload, range.length()));
        let announcement = format!("Send {} bytes.", range.length());
        self.receive_into(path, part, false, &announcement)
    }

    fn receive_into(
        &mut self,
        path: VirtualPath,
        upload: Box<dyn Upload>,
        whole: bool,
        announcement: &str,
    ) -> Handled {
        let transfer = Transfer::new(path, Direction::Incoming, self.member()?.rates.pace());
        self.carry_out(transfer, |session, transfer| {
            let data = session.open_for(transfer, announcement)?;
            let hasher = session.hasher_for(&data.about, whole);
            session.store(transfer, data, Hashed::upload(upload, hasher))
        })
    }

    fn store(
        &mut self,
        transfer: &Transfer,
        mut data: Data,
        mut upload: Hashed<dyn Upload>,
    ) -> Result<(), Refusal> {
        let (coding, stall) = self.manner();
        let (moved, stream) = (&transfer.moved, &mut data.stream);
        let meter = Meter { moved, pace: &transfer.pace };
        let outcome = self.watched(stall, moved, |watch| {
            transfer::receive(stream, &mut upload, coding, meter, watch)
        });
        match outcome {
            Ok(received) => match self.judge_end(&data.about, received) {
                Ok(()) => {
                    self.learn(transfer, upload.finish()?);
                    // Our close_notify answers theirs; they may be gone, having sent everything.
                    let _ = self.watched(Limit::Until(Instant::now()), moved, |watch| {
                        data.stream.finish(watch)
                    })?;
                    Ok(())
                }
                Err(error) => {
                    self.keep_partial(transfer, upload);
                    Err(error.into())
                }
            },
            Err(refusal) => {
                self.keep_partial(transfer, upload);
                Err(refusal)
            }
        }
    }

    fn learn(&self, transfer: &Transfer, known: Option<Known>) {
        transfer.known.replace(known.clone());
        self.remember(known);
    }

    /// The end without close_notify is the end of the file only for broken clients of our own, and
    /// only where the operator says so.
    fn judge_end(
        &self,
        about: &About,
        received: Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        let relaxed = self.services.settings.data_close_notify == Demand::Optional;
        match received {
            Err(TransferError::Net(NetError::Truncated)) if relaxed && !about.foreign => Ok(()),
            other => other,
        }
    }

    fn keep_partial(&self, transfer: &Transfer, upload: Hashed<dyn Upload>) {
        match upload.keep_partial() {
            Ok(Kept::Partial) => log::info!("{}: kept in part", transfer.path),
            Ok(Kept::Nothing) => {}
            Err(error) => log::warn!("{}: cannot be kept in part: {error}", transfer.path),
        }
    }

    fn open_for(&mut self, transfer: &mut Transfer, text: &str) -> Result<Data, Refusal> {
        self.open_data(Payload::File, transfer.direction, text, &mut transfer.about)
    }

    /// Waits for the peer's end of a connection that we have finished sending on, and tells
    /// whether it refused what was sent.
    pub(super) fn linger(&mut self, data: &mut Data) -> Result<(), Refusal> {
        let limit = Limit::Until(Instant::now() + DRAIN_TIMEOUT);
        let drained = self.watched(limit, &Cell::new(0), |watch| data.stream.drain(watch))?;
        // Whether the peer took all of it is known only from its end, which was not waited for.
        if self.aborted {
            return Err(Refusal::aborted());
        }
        Ok(drained.map_err(TransferError::Net)?)
    }

    /// How bytes stand on the wire, and how long the next may take.
    pub(super) fn manner(&self) -> (Coding, Limit) {
        let negotiated = &self.negotiated;
        let deflate = (negotiated.mode == Mode::Deflate).then_some(negotiated.deflate_level);
        let coding = Coding { representation: negotiated.representation, deflate };
        (coding, Limit::Each(self.services.settings.stall_timeout))
    }

    /// Does a transfer, and closes it. A fault of ours ends the session, and is recorded before.
    fn carry_out(
        &mut self,
        mut transfer: Transfer,
        work: impl FnOnce(&mut Session, &mut Transfer) -> Result<(), Refusal>,
    ) -> Handled {
        match panic::catch_unwind(AssertUnwindSafe(|| work(self, &mut transfer))) {
            Ok(outcome) => self.close_transfer(transfer, outcome),
            Err(fault) => {
                let _ = self.close_transfer(transfer, Err(Refusal::aborted())); // nobody hears it
                panic::resume_unwind(fault)
            }
        }
    }

    /// The final reply of a transfer, and its record, whatever its end.
    fn close_transfer(&mut self, transfer: Transfer, outcome: Result<(), Refusal>) -> Handled {
        if transfer.about.is_announced {
            let record = self.record(transfer, outcome.is_ok())?;
            if record.foreign {
                log::info!("{}", fxp_line(&record));
            }
            (self.services.on_transfer)(record);
        }
        outcome.map(|()| Reply::new(Code::TRANSFER_DONE, "Transfer complete."))
    }

    fn record(&mut self, transfer: Transfer, complete: bool) -> Result<TransferRecord, Refusal> {
        let (client, host) = (self.client.ip(), self.virtual_host());
        let representation = self.negotiated.representation;
        let takes_on_ids = self.services.confinement.takes_on_ids();
        let Member { account, anonymous, .. } = self.member()?;
        Ok(TransferRecord {
            ended: Timestamp::now(),
            took: transfer.began.elapsed(),
            client,
            account: account.name.clone(),
            anonymous: anonymous.clone(),
            host,
            home: account.home.clone(),
            ids: account.ids.clone().filter(|_| takes_on_ids),
            path: transfer.path,
            bytes: transfer.moved.get(),
            direction: transfer.direction,
            representation,
            complete,
            peer: transfer.about.peer,
            foreign: transfer.about.foreign,
            proof: transfer.about.proof,
            role: transfer.about.role,
            tls: transfer.about.tls,
            hash: transfer.known.into_inner().map(|known| (known.algorithm, known.hash)),
        })
    }
}

/// What is told of a server-to-server copy: with whom, and how sure we were of it.
fn fxp_line(record: &TransferRecord) -> String {
    let peer = record.peer.map_or("nobody".to_owned(), |peer| peer.to_string());
    let tls = match &record.tls {
        None => "in clear text or not at all".to_owned(),
        Some(facts) => {
            let shown = facts.peer.map_or("no certificate".to_owned(), |print| print.to_string());
            format!("as {:?} under {} with {shown}", record.role, facts.version)
        }
    };
    let proof = match record.proof {
        PeerProof::Unasked => "not verified",
        PeerProof::Proved => "verified",
        PeerProof::Missing => "not the expected peer",
    };
    let way = match record.direction {
        Direction::Outgoing => "to",
        Direction::Incoming => "from",
    };
    let end = if record.complete { "complete" } else { "incomplete" };
    let account = record.account.escape_debug();
    format!(
        "FXP {account}: {} {way} {peer} {tls}, {proof}: {end}, {} bytes",
        record.path, record.bytes
    )
}
