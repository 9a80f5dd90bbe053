//! The client of the session under test: says what it is told to, and believes nothing it hears.

use super::{
    super::without_line_ends,
    data::Data,
    house::{CLIENT, House, MEMBERS, Member},
    wire::Wire,
};
use crate::proto::{
    Code, Command, LineAssembler, Mode, Protection, Reply, ReplyAssembler, SiteArg, endpoint,
};
use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
};

/// Lines that may wait for their replies: more, and both ends could wait for each other.
const MAX_AHEAD: usize = 16;

/// Longer lines are dropped by the server.
pub const MAX_LINE_BYTES: usize = 512;

/// A slower transfer would be taken for one that hangs.
const SLOWEST_BYTES_PER_S: u64 = 1 << 20;

pub struct Client<'a> {
    house: &'a House,
    wire: Wire,
    lines: LineAssembler,
    replies: ReplyAssembler,
    heard: VecDeque<Reply>,
    /// The commands that have no final reply yet; the first of all is the connection itself.
    unanswered: VecDeque<Option<Command>>,
    is_served: bool,
    last: Option<Code>,
    /// What the next uploads send.
    pub payload: Vec<u8>,
    user: Option<&'static Member>,
    member: Option<&'static Member>,
    data: Data,
}

impl Client<'_> {
    /// Has heard the greeting, and the answer to a first word: a session whose first line is none of
    /// FTP's ends without one.
    pub fn new(socket: TcpStream, house: &House) -> Client<'_> {
        let mut client = Client {
            house,
            wire: Wire::new(socket),
            lines: LineAssembler::new(1 << 16),
            replies: ReplyAssembler::default(),
            heard: VecDeque::new(),
            unanswered: VecDeque::from([None]),
            is_served: true,
            last: None,
            payload: b"payload".to_vec(),
            user: None,
            member: None,
            data: Data::default(),
        };
        client.hear_all();
        client.send(b"NOOP");
        client.hear_all();
        client
    }

    /// Whether the session goes on.
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    /// Sends a line.
    pub fn send(&mut self, line: &[u8]) {
        // Telnet sequences are tried elsewhere: they may swallow the end of a line.
        let mut line: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0xff).collect();
        let is_taken = line.len() <= MAX_LINE_BYTES && without_line_ends(&line) == line;
        let command = Command::parse(&line).ok().map(|(_, command)| command).filter(|_| is_taken);
        match &command {
            Some(Command::Port(address)) if *address.ip() == CLIENT => {
                line = self.listen(|address| format!("PORT {}", endpoint::print_port(address)));
            }
            Some(Command::Eprt(address)) if address.ip() == CLIENT => {
                line = self.listen(|it| format!("EPRT {}", endpoint::print_eprt(it.into())));
            }
            Some(Command::Site(SiteArg::Rate(Some(1..SLOWEST_BYTES_PER_S)))) => return,
            _ => {}
        }
        // Behind these the bytes are others: nothing is sent ahead of them, nor of their reply.
        let ends_layer = matches!(command, Some(Command::Auth(_) | Command::Ccc | Command::Rein));
        if ends_layer || self.unanswered.len() >= MAX_AHEAD {
            self.hear_all();
        }
        if !self.is_served {
            return;
        }
        self.unanswered.push_back(command);
        line.extend_from_slice(b"\r\n");
        self.wire.send(&line);
        if ends_layer {
            self.hear_all();
        }
    }

    fn listen(&mut self, spell: impl Fn(SocketAddrV4) -> String) -> Vec<u8> {
        let listener = TcpListener::bind((CLIENT, 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        self.data.listens(listener);
        spell(address).into_bytes()
    }

    /// Hears the final replies to all that was said.
    pub fn hear_all(&mut self) {
        while let Some(command) = self.unanswered.front().cloned() {
            let mut is_begun = false;
            let reply = loop {
                let Some(reply) = self.hear() else { return };
                if !reply.code().is_preliminary() {
                    break reply;
                }
                assert!(!is_begun, "{reply} again to {command:?}");
                is_begun = true;
                assert!(self.member.is_some(), "{reply} to {command:?} before a login");
                let command = command.as_ref().expect("only commands are answered so");
                let seen = self.data.transfer(command, &self.payload);
                self.house.check_seen(&seen, self.member);
            };
            self.unanswered.pop_front();
            self.learn(command, &reply);
        }
    }

    /// The next reply; `None` at the end of the session.
    fn hear(&mut self) -> Option<Reply> {
        while self.heard.is_empty() {
            let mut block = [0; 4096];
            let received = self.wire.receive(&mut block);
            let Some(count) = received.filter(|count| *count > 0) else {
                // Lines that a server leaves unread reset the connection, and its last word with it.
                let is_reset = received.is_none() && self.unanswered.len() > 1;
                let has_said_so = self.last.is_some_and(Code::hangs_up);
                assert!(has_said_so || is_reset, "no reply to {:?}", self.unanswered);
                self.is_served = false;
                return None;
            };
            let mut rest = &block[..count];
            while let Some(line) = self.lines.take(&mut rest) {
                let line = line.expect("a line without NUL, CR and LF");
                assert!(!line.iter().any(u8::is_ascii_control), "{}", line.escape_ascii());
                self.heard.extend(self.replies.line(&line).expect("a reply"));
            }
        }
        let reply = self.heard.pop_front()?;
        assert_ne!(self.last, Some(Code::GOODBYE), "{reply} behind the last reply");
        self.last = Some(reply.code());
        self.house.check_seen(&reply.encode(), self.member);
        Some(reply)
    }

    /// What a final reply changes.
    fn learn(&mut self, command: Option<Command>, reply: &Reply) {
        let code = reply.code();
        match (command, code) {
            (Some(Command::User(name)), _) => {
                assert!(!code.is_success(), "{reply} without a password");
                if code == Code::NEED_PASSWORD {
                    self.member = None;
                    self.user = MEMBERS.iter().find(|member| member.name == name);
                }
            }
            (Some(Command::Pass(_)), Code::LOGGED_IN) => self.member = self.user,
            (Some(Command::Rein), _) if code.is_success() => {
                (self.user, self.member, self.data) = (None, None, Data::default());
                self.wire.leave_tls();
            }
            (Some(Command::Ccc), Code::OK) => self.wire.leave_tls(),
            (Some(Command::Auth(_)), Code::AUTH_ACCEPTED) => {
                self.wire.shake_hands();
                (self.user, self.member, self.data) = (None, None, Data::default());
            }
            (Some(Command::Prot(protection)), Code::OK) => {
                self.data.is_private = protection == Protection::Private;
            }
            (Some(Command::Mode(mode)), Code::OK) => self.data.is_deflated = mode == Mode::Deflate,
            (Some(Command::Sscn(Some(role))), Code::OK) => self.data.role = role,
            (Some(command), Code::PASSIVE) => {
                let address = endpoint::parse_227(&reply.text()).expect("an address");
                self.data.connects(address.into());
                self.data.is_cpsv = command == Command::Cpsv;
            }
            (_, Code::EXTENDED_PASSIVE) => {
                let (_, port) = endpoint::parse_229(&reply.text()).expect("a port");
                self.data.connects((Ipv4Addr::LOCALHOST, port).into());
            }
            _ => {}
        }
    }

    /// Says goodbye, and hears that nothing follows it.
    pub fn leave(mut self) {
        self.hear_all();
        self.send(b"QUIT");
        self.hear_all();
        while self.is_served {
            assert!(self.hear().is_none(), "a reply to nothing");
        }
    }
}
