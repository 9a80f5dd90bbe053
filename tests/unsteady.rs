//! A site that is reached through a bad network: relays before its control port and its passive
//! ports that delay, cut and fall silent, at points that a seed decides, as long as they have trouble
//! left to make; and that turn over a bit where they are told to.

use crate::{
    peer,
    site::{Plan, Site},
};
use fxpd::{PassiveAddress, ToldAddress};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Builder},
    time::Duration,
};

/// What a network does to its connections.
#[derive(Clone)]
pub struct Weather(Arc<Mutex<Trouble>>);

struct Trouble {
    /// Connections that it will still harm.
    left: u32,
    /// Each of them at a point below this many bytes, in both directions together.
    within_bytes: u64,
    random: u64,
    gone: bool,
    /// A bit that is turned over on its way.
    flip: Option<Flip>,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// The bit that is turned over: that of the byte behind so many more.
#[derive(Clone, Copy, Debug)]
struct Flip {
    way: Way,
    skip: u64,
    bit: u32,
}

/// What becomes of one connection.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Good,
    /// It is cut behind so many bytes.
    Cut(u64),
    /// What follows so many bytes gets lost, and nobody is told.
    Silent(u64),
}

impl Weather {
    /// Harms so many connections, each within so many bytes.
    pub fn bad(connections: u32, within_bytes: u64, seed: u64) -> Weather {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let left = connections;
        let trouble = Trouble { left, within_bytes, random, gone: false, flip: None };
        Weather(Arc::new(Mutex::new(trouble)))
    }

    /// Harms nothing, until it is told otherwise.
    pub fn good() -> Weather {
        Weather::bad(0, 1, 1)
    }

    /// Turns over one bit of what goes `way` from now on: `bit` of the byte behind `skip` others.
    pub fn flips(&self, way: Way, skip: u64, bit: u32) {
        self.0.lock().unwrap().flip = Some(Flip { way, skip, bit });
    }

    /// Whether the bit was turned over.
    pub fn has_flipped(&self) -> bool {
        self.0.lock().unwrap().flip.is_none()
    }

    /// What becomes of a block that goes `way`.
    fn touch(&self, way: Way, block: &mut [u8]) {
        let mut trouble = self.0.lock().unwrap();
        match &mut trouble.flip {
            Some(flip) if flip.way == way => match block.get_mut(flip.skip as usize) {
                Some(byte) => {
                    *byte ^= 1 << flip.bit;
                    trouble.flip = None;
                }
                None => flip.skip -= block.len() as u64,
            },
            _ => {}
        }
    }

    /// From now on nothing gets through.
    pub fn ends(&self) {
        self.0.lock().unwrap().gone = true;
    }

    /// Connections that it would still have harmed.
    pub fn left(&self) -> u32 {
        self.0.lock().unwrap().left
    }

    fn is_gone(&self) -> bool {
        self.0.lock().unwrap().gone
    }

    fn fate(&self) -> Fate {
        let mut trouble = self.0.lock().unwrap();
        if trouble.left == 0 {
            return Fate::Good;
        }
        trouble.left -= 1;
        // xorshift64
        trouble.random ^= trouble.random << 13;
        trouble.random ^= trouble.random >> 7;
        trouble.random ^= trouble.random << 17;
        let at = trouble.random % trouble.within_bytes;
        if trouble.random >> 32 & 3 == 0 { Fate::Silent(at) } else { Fate::Cut(at) }
    }
}

/// Four passive ports are enough for two lanes.
const PORTS: u16 = 4;

/// A site at `inner` whose clients come by `outer`, each an address of the loopback interface.
pub struct Unsteady {
    pub site: Site,
    pub control: SocketAddr,
}

impl Unsteady {
    pub fn start(inner: &str, outer: &str, control: &Weather, data: &Weather) -> Unsteady {
        Unsteady::with(inner, outer, control, data, |_| {})
    }

    pub fn with(
        inner: &str,
        outer: &str,
        control: &Weather,
        data: &Weather,
        change: impl FnOnce(&mut Plan),
    ) -> Unsteady {
        let (inner, outer): (IpAddr, IpAddr) = (inner.parse().unwrap(), outer.parse().unwrap());
        let listeners = some_in_a_row(outer);
        let first = listeners[0].local_addr().unwrap().port();
        let site = Site::with(|plan| {
            plan.host = inner;
            plan.settings.passive_ports = first..=first + PORTS - 1;
            if let IpAddr::V4(outer) = outer {
                let told = PassiveAddress::new(Vec::new(), ToldAddress::new(outer));
                plan.settings.passive_addresses = vec![told];
            }
            change(plan);
        });
        for listener in listeners {
            let port = listener.local_addr().unwrap().port();
            relay(listener, SocketAddr::new(inner, port), data.clone());
        }
        let listener = TcpListener::bind((outer, 0)).unwrap();
        let control_address = listener.local_addr().unwrap();
        relay(listener, site.address, control.clone());
        Unsteady { site, control: control_address }
    }

    pub fn url(&self, path: &str) -> String {
        format!("ftps://ann@{}/{path}", self.control)
    }
}

/// Listeners on ports that follow each other.
fn some_in_a_row(host: IpAddr) -> Vec<TcpListener> {
    loop {
        let first = TcpListener::bind((host, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let more = (1..PORTS).map(|next| TcpListener::bind((host, port.checked_add(next)?)).ok());
        if let Some(more) = more.collect::<Option<Vec<_>>>() {
            return std::iter::once(first).chain(more).collect();
        }
    }
}

fn relay(listener: TcpListener, to: SocketAddr, weather: Weather) {
    let serve = move || {
        for client in listener.incoming() {
            let (client, weather) = (client.unwrap(), weather.clone());
            if weather.is_gone() {
                continue;
            }
            // Nobody listens on a passive port when the client had left before it came.
            let Ok(server) = TcpStream::connect(to) else { continue };
            Builder::new().spawn(move || carry(client, server, &weather)).unwrap();
        }
    };
    Builder::new().spawn(serve).unwrap();
}

/// How long the bytes in the middle of a doomed connection are held up.
const LATE_BY: Duration = Duration::from_millis(200);

impl Fate {
    /// Whether the bytes from `begin` to before `end` come late.
    fn is_late(self, begin: u64, end: u64) -> bool {
        match self {
            Fate::Good => false,
            Fate::Cut(at) | Fate::Silent(at) => (begin..end).contains(&(at / 2)),
        }
    }
}

/// How often a connection looks whether all is over.
const TICK: Duration = Duration::from_millis(50);

fn carry(client: TcpStream, server: TcpStream, weather: &Weather) {
    let fate = weather.fate();
    let passed = Mutex::new(0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (from, to, way) in
            [(&client, &server, Way::ToServer), (&server, &client, Way::ToClient)]
        {
            let (passed, over) = (&passed, &over);
            scope.spawn(move || {
                let _ = flow(from, to, way, fate, passed, over, weather); // its end is the point
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
}

/// Carries bytes in one direction, until they end or fate strikes.
fn flow(
    mut from: &TcpStream,
    mut to: &TcpStream,
    way: Way,
    fate: Fate,
    passed: &Mutex<u64>,
    over: &AtomicBool,
    weather: &Weather,
) -> io::Result<()> {
    from.set_read_timeout(Some(TICK))?;
    let mut block = [0; 8192];
    loop {
        if over.load(Ordering::Relaxed) || weather.is_gone() {
            return from.shutdown(Shutdown::Both);
        }
        let count = match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        weather.touch(way, &mut block[..count]);
        let before = {
            let mut passed = passed.lock().unwrap();
            *passed += count as u64;
            *passed - count as u64
        };
        if fate.is_late(before, before + count as u64) {
            thread::sleep(LATE_BY);
        }
        match fate {
            Fate::Good => to.write_all(&block[..count])?,
            Fate::Cut(at) if before + count as u64 > at => {
                to.write_all(&block[..usize::try_from(at.saturating_sub(before)).unwrap()])?;
                over.store(true, Ordering::Relaxed);
            }
            Fate::Silent(at) if before + count as u64 > at => {}
            Fate::Cut(_) | Fate::Silent(_) => to.write_all(&block[..count])?,
        }
    }
}

/// The relay's own first test: what it lets through is what was sent.
#[test]
fn good_weather_changes_nothing() {
    let unsteady = Unsteady::start("127.0.6.1", "127.0.6.2", &Weather::good(), &Weather::good());
    let mut ftp = crate::ftp::Ftp::connect(unsteady.control);
    ftp.secure();
    ftp.log_in("ann");
    ftp.upload("STOR a", b"hello");
    assert_eq!(unsteady.site.file("a").unwrap(), b"hello");
    drop(peer::connect(unsteady.control));
}
