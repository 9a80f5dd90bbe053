//! What is said of each verb and what is answered: one row a verb, of which `verbs.rs` makes its
//! tests. A verb that the server knows and that has no row here fails one of them.

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before `AUTH`.
    Clear,
    /// Under TLS, before the login.
    Secured,
    /// Logged in, `PROT P`, `TYPE I`.
    Inside,
}

/// What comes with a verb's good line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// A reply and nothing else.
    Reply,
    /// A reply, and TLS ends.
    EndOfTls,
    /// A reply, and the connection ends.
    End,
    /// `EPSV` before it, a data connection that brings something, 226.
    Download,
    /// `EPSV` before it, a data connection that takes something, 226.
    Upload,
}

/// A line and the code that answers it.
pub type Said = (&'static str, u16);

/// One verb.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    /// A line that is in order, and its answer at `stage` behind the lines of `before`.
    pub good: Said,
    pub stage: Stage,
    pub before: &'static [Said],
    pub flow: Flow,
    /// Lines that are not in order, and one for each kind of refusal. A verb that takes anything
    /// shows that it does.
    pub bad: &'static [Said],
    /// What answers the good line before `AUTH`, behind it, and after the login, each without the
    /// lines of `before` or a data connection.
    pub clear: u16,
    pub secured: u16,
    pub inside: u16,
    /// The same for an account that may only read.
    pub reader: u16,
    /// Whether it is answered before a transfer that runs has ended.
    pub at_once: bool,
}

impl Row {
    const fn bad(self, bad: &'static [Said]) -> Row {
        Row { bad, ..self }
    }

    const fn at(self, stage: Stage, before: &'static [Said]) -> Row {
        Row { stage, before, ..self }
    }

    const fn early(self, clear: u16, secured: u16) -> Row {
        Row { clear, secured, ..self }
    }

    const fn unprepared(self, inside: u16, reader: u16) -> Row {
        Row { inside, reader, ..self }
    }

    const fn flow(self, flow: Flow) -> Row {
        Row { flow, ..self }
    }

    const fn at_once(self) -> Row {
        Row { at_once: true, ..self }
    }
}

/// A verb that is answered the same at any time.
const fn open(name: &'static str, good: &'static str, code: u16) -> Row {
    Row {
        name,
        good: (good, code),
        stage: Stage::Inside,
        before: &[],
        flow: Flow::Reply,
        bad: &[],
        clear: code,
        secured: code,
        inside: code,
        reader: code,
        at_once: false,
    }
}

/// A verb for those who have logged in.
const fn inside(name: &'static str, good: &'static str, code: u16) -> Row {
    open(name, good, code).early(534, 530)
}

/// A verb that changes the tree.
const fn writes(name: &'static str, good: &'static str, code: u16) -> Row {
    inside(name, good, code).unprepared(code, 550)
}

const fn sends(name: &'static str, good: &'static str) -> Row {
    inside(name, good, 150).flow(Flow::Download).unprepared(425, 425)
}

const fn stores(name: &'static str, good: &'static str) -> Row {
    inside(name, good, 150).flow(Flow::Upload).unprepared(425, 550)
}

/// Every verb, in the order in which `HELP` shows them. The tree holds a file `a` of "hello", an
/// empty directory `d`, and nothing else.
pub const ROWS: &[Row] = &[
    open("USER", "USER ann", 331).at(Stage::Secured, &[]).early(534, 331).bad(&[("USER", 501)]),
    open("PASS", "PASS pw", 230)
        .at(Stage::Secured, &[("USER ann", 331)])
        .early(534, 503)
        .unprepared(503, 503)
        .bad(&[("PASS pw", 503), ("PASS", 503)]),
    open("QUIT", "QUIT", 221).flow(Flow::End).bad(&[("QUIT now", 501)]),
    open("REIN", "REIN", 220).flow(Flow::EndOfTls).bad(&[("REIN now", 501)]),
    open("AUTH", "AUTH TLS", 234)
        .at(Stage::Clear, &[])
        .early(234, 503)
        .unprepared(503, 503)
        .bad(&[("AUTH", 501), ("AUTH GSSAPI", 504)]),
    open("PBSZ", "PBSZ 0", 200).early(503, 200).bad(&[("PBSZ", 501), ("PBSZ -1", 501)]),
    open("PROT", "PROT P", 200).early(503, 503).bad(&[
        ("PROT", 501),
        ("PROT X", 504),
        ("PROT S", 536),
        ("PROT C", 534),
    ]),
    inside("CCC", "CCC", 200).flow(Flow::EndOfTls).early(503, 530).bad(&[("CCC now", 501)]),
    inside("SSCN", "SSCN ON", 200).early(503, 530).bad(&[("SSCN MAYBE", 501)]),
    inside("XPEER", "XPEER OFF", 200).early(503, 530).bad(&[
        ("XPEER ON", 501),
        ("XPEER SHA-256 00", 501),
        ("XPEER MD5 00", 504),
    ]),
    inside("CPSV", "CPSV", 227).early(503, 530).bad(&[("CPSV x", 501)]),
    inside("PASV", "PASV", 227).bad(&[("PASV x", 501)]),
    inside("EPSV", "EPSV", 229).bad(&[("EPSV x", 501), ("EPSV 2", 522), ("EPSV 3", 522)]),
    inside("PORT", "PORT 127,0,0,1,200,1", 200)
        .bad(&[("PORT 127,0,0,1,200", 501), ("PORT 127,0,0,1,256,1", 501)]),
    inside("EPRT", "EPRT |1|127.0.0.1|51201|", 200)
        .bad(&[("EPRT |1|127.0.0.1|", 501), ("EPRT |3|127.0.0.1|51201|", 522)]),
    inside("TYPE", "TYPE I", 200).bad(&[("TYPE", 501), ("TYPE X", 501), ("TYPE E", 504)]),
    inside("MODE", "MODE S", 200).bad(&[("MODE", 501), ("MODE B", 504)]),
    inside("STRU", "STRU F", 200).bad(&[("STRU", 501), ("STRU R", 504)]),
    inside("ALLO", "ALLO 5", 200).bad(&[
        ("ALLO", 501),
        ("ALLO five", 501),
        ("ALLO 18446744073709551615", 552),
    ]),
    inside("REST", "REST 1", 350).bad(&[("REST", 501), ("REST -1", 501)]),
    inside("RANG", "RANG 0 1", 350).bad(&[("RANG", 501), ("RANG 2 0", 501)]),
    sends("RETR", "RETR a").bad(&[("RETR", 501), ("RETR missing", 550), ("RETR d", 550)]),
    stores("STOR", "STOR new").bad(&[("STOR", 501), ("STOR d", 550), ("STOR x\x01", 553)]),
    stores("APPE", "APPE a").bad(&[("APPE", 501), ("APPE d", 550), ("APPE x\x01", 553)]),
    stores("STOU", "STOU").bad(&[("STOU any name", 425)]),
    inside("ABOR", "ABOR", 225).at_once().bad(&[("ABOR now", 501)]),
    sends("LIST", "LIST").bad(&[("LIST missing", 550), ("LIST a/b", 550)]),
    sends("NLST", "NLST").bad(&[("NLST missing", 550), ("NLST a/b", 550)]),
    sends("MLSD", "MLSD").bad(&[("MLSD missing", 550), ("MLSD a", 501)]),
    inside("MLST", "MLST a", 250).bad(&[("MLST missing", 550)]),
    inside("STAT", "STAT", 211).at_once().bad(&[("STAT missing", 550)]),
    inside("CWD", "CWD d", 250).bad(&[("CWD", 501), ("CWD missing", 550), ("CWD a", 550)]),
    inside("XCWD", "XCWD d", 250).bad(&[("XCWD", 501), ("XCWD missing", 550), ("XCWD a", 550)]),
    inside("CDUP", "CDUP", 250).bad(&[("CDUP x", 501)]),
    inside("XCUP", "XCUP", 250).bad(&[("XCUP x", 501)]),
    inside("PWD", "PWD", 257).bad(&[("PWD x", 501)]),
    inside("XPWD", "XPWD", 257).bad(&[("XPWD x", 501)]),
    writes("MKD", "MKD e", 257).bad(&[("MKD", 501), ("MKD d", 550), ("MKD x\x01", 553)]),
    writes("XMKD", "XMKD e", 257).bad(&[("XMKD", 501), ("XMKD d", 550), ("XMKD x\x01", 553)]),
    writes("RMD", "RMD d", 250).bad(&[("RMD", 501), ("RMD missing", 550), ("RMD a", 550)]),
    writes("XRMD", "XRMD d", 250).bad(&[("XRMD", 501), ("XRMD missing", 550), ("XRMD a", 550)]),
    writes("DELE", "DELE a", 250).bad(&[("DELE", 501), ("DELE missing", 550), ("DELE d", 550)]),
    writes("RNFR", "RNFR a", 350).bad(&[("RNFR", 501), ("RNFR missing", 550)]),
    writes("RNTO", "RNTO b", 250)
        .at(Stage::Inside, &[("RNFR a", 350)])
        .unprepared(503, 550)
        .bad(&[("RNTO", 501), ("RNTO b", 503)]),
    inside("SIZE", "SIZE a", 213).bad(&[("SIZE", 501), ("SIZE missing", 550), ("SIZE d", 550)]),
    inside("HASH", "HASH a", 213).bad(&[("HASH", 501), ("HASH missing", 550), ("HASH d", 553)]),
    inside("XCRC", "XCRC a", 250).bad(&[
        ("XCRC", 501),
        ("XCRC \"a\" 0 9", 501),
        ("XCRC missing", 550),
    ]),
    inside("XMD5", "XMD5 a", 250).bad(&[
        ("XMD5", 501),
        ("XMD5 \"a\" 0 9", 501),
        ("XMD5 missing", 550),
    ]),
    inside("XSHA", "XSHA a", 250).bad(&[
        ("XSHA", 501),
        ("XSHA \"a\" 0 9", 501),
        ("XSHA missing", 550),
    ]),
    inside("XSHA1", "XSHA1 a", 250).bad(&[
        ("XSHA1", 501),
        ("XSHA1 \"a\" 0 9", 501),
        ("XSHA1 missing", 550),
    ]),
    inside("XSHA256", "XSHA256 a", 250).bad(&[
        ("XSHA256", 501),
        ("XSHA256 \"a\" 0 9", 501),
        ("XSHA256 missing", 550),
    ]),
    inside("XSHA512", "XSHA512 a", 250).bad(&[
        ("XSHA512", 501),
        ("XSHA512 \"a\" 0 9", 501),
        ("XSHA512 missing", 550),
    ]),
    inside("MDTM", "MDTM a", 213).bad(&[("MDTM", 501), ("MDTM missing", 550)]),
    writes("MFMT", "MFMT 20260203040506 a", 213).bad(&[
        ("MFMT", 501),
        ("MFMT 2026 a", 501),
        ("MFMT 20260203040506 missing", 550),
    ]),
    // Nobody may set it.
    writes("MFCT", "MFCT 20260203040506 a", 504).bad(&[("MFCT", 501), ("MFCT 2026 a", 501)]),
    writes("MFF", "MFF UNIX.mode=0600; a", 213).bad(&[
        ("MFF", 501),
        ("MFF Size=5; a", 504),
        ("MFF UNIX.mode=0600; missing", 550),
    ]),
    inside("AVBL", "AVBL", 213).bad(&[("AVBL missing", 550)]),
    inside("SITE", "SITE CHMOD 600 a", 200).unprepared(200, 550).bad(&[
        ("SITE", 504),
        ("SITE EXEC ls", 504),
        ("SITE CHMOD 4755 a", 501),
    ]),
    open("FEAT", "FEAT", 211).bad(&[("FEAT x", 501)]),
    open("HELP", "HELP", 214).bad(&[("HELP FROB", 504)]),
    open("SYST", "SYST", 215).bad(&[("SYST x", 501)]),
    open("NOOP", "NOOP", 200).bad(&[("NOOP keep alive", 200)]),
    open("OPTS", "OPTS UTF8 ON", 200).bad(&[
        ("OPTS", 501),
        ("OPTS UTF8 OFF", 501),
        ("OPTS FROB", 501),
        ("OPTS HASH CRC-37", 501),
    ]),
    open("CLNT", "CLNT test 1.0", 200).bad(&[("CLNT", 200)]),
    open("CSID", "CSID Name=test;", 200).bad(&[("CSID", 200)]),
    open("LANG", "LANG en", 200).bad(&[("LANG fr", 504)]),
    open("ACCT", "ACCT x", 202).early(534, 202).bad(&[("ACCT", 202)]),
    open("CEPR", "CEPR ON", 200).bad(&[("CEPR", 501), ("CEPR MAYBE", 501)]),
    inside("PRET", "PRET RETR a", 200).bad(&[("PRET", 200)]),
    inside("LPRT", "LPRT 4,4,127,0,0,1,2,200,1", 521).bad(&[("LPRT", 521)]),
    inside("LPSV", "LPSV", 521).bad(&[("LPSV x", 521)]),
    open("ADAT", "ADAT x", 503).bad(&[("ADAT", 503)]),
    open("MIC", "MIC x", 537).early(503, 537).bad(&[("MIC", 537)]),
    open("CONF", "CONF x", 537).early(503, 537).bad(&[("CONF", 537)]),
    open("ENC", "ENC x", 537).early(503, 537).bad(&[("ENC", 537)]),
];

/// Verbs and features that have a file of tests of their own.
pub const ELSEWHERE: &[&str] = &["HOST"];

/// What stands in the wrong order: how far the client has come, what it says first, and what is
/// then refused.
pub const WRONG_ORDER: &[(Stage, &[Said], Said)] = &[
    (Stage::Secured, &[], ("PASS pw", 503)),
    (Stage::Inside, &[], ("PASS pw", 503)),
    (Stage::Secured, &[("USER ann", 331), ("NOOP", 200), ("AUTH TLS", 503)], ("PWD", 530)),
    (Stage::Secured, &[("USER ann", 331), ("PASS pw", 230)], ("PROT P", 503)),
    (Stage::Secured, &[("USER ann", 331), ("PASS pw", 230), ("EPSV", 229)], ("RETR a", 521)),
    (Stage::Secured, &[("USER ann", 331), ("PASS pw", 230), ("EPSV", 229)], ("LIST", 521)),
    (Stage::Inside, &[("USER ann", 331)], ("PWD", 530)),
    (Stage::Inside, &[], ("AUTH TLS", 503)),
    (Stage::Inside, &[], ("RNTO b", 503)),
    (Stage::Inside, &[("RNFR a", 350), ("PWD", 257)], ("RNTO b", 503)),
    (Stage::Inside, &[("RNFR a", 350), ("RNFR missing", 550)], ("RNTO b", 503)),
    (Stage::Inside, &[("RNFR a", 350), ("RNTO b", 250)], ("RNTO c", 503)),
    (Stage::Inside, &[], ("RETR a", 425)),
    (Stage::Inside, &[], ("STOR b", 425)),
    (Stage::Inside, &[], ("APPE a", 425)),
    (Stage::Inside, &[], ("STOU", 425)),
    (Stage::Inside, &[], ("LIST", 425)),
    (Stage::Inside, &[], ("NLST", 425)),
    (Stage::Inside, &[], ("MLSD", 425)),
    (Stage::Inside, &[("EPSV", 229), ("ABOR", 225)], ("RETR a", 425)),
    (Stage::Inside, &[("EPSV", 229), ("REST 6", 350)], ("RETR a", 554)),
    (Stage::Inside, &[("RANG 0 1", 350), ("EPSV", 229), ("TYPE A", 200)], ("RETR a", 551)),
    (Stage::Inside, &[("EPSV ALL", 200)], ("PASV", 503)),
    (Stage::Inside, &[("EPSV ALL", 200)], ("CPSV", 503)),
    (Stage::Inside, &[("EPSV ALL", 200)], ("PORT 127,0,0,1,200,1", 503)),
    (Stage::Inside, &[("EPSV ALL", 200)], ("EPRT |1|127.0.0.1|51201|", 503)),
];

/// Each line of `FEAT` and lines that use what it promises.
pub const FEATURES: &[(&str, &[Said])] = &[
    ("AUTH TLS;TLS-C;SSL;TLS-P", &[]),
    ("PBSZ", &[("PBSZ 0", 200)]),
    ("PROT", &[("PROT P", 200)]),
    ("SSCN", &[("SSCN ON", 200), ("SSCN OFF", 200)]),
    (
        "XPEER SHA-256",
        &[
            ("XPEER SHA-256 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 200),
            ("XPEER OFF", 200),
        ],
    ),
    ("CPSV", &[("CPSV", 227)]),
    ("EPSV", &[("EPSV", 229), ("EPSV 1", 229)]),
    ("EPRT", &[("EPRT |1|127.0.0.1|51201|", 200)]),
    ("MODE Z", &[("MODE Z", 200), ("OPTS MODE Z LEVEL 9", 200), ("MODE S", 200)]),
    ("REST STREAM", &[("REST 1", 350)]),
    ("RANG STREAM", &[("RANG 0 1", 350), ("RANG 1 0", 350)]),
    ("MLST", &[("MLST a", 250)]),
    ("SIZE", &[("SIZE a", 213)]),
    ("HASH", &[("HASH a", 213)]),
    ("XCRC", &[("XCRC a", 250)]),
    ("XMD5", &[("XMD5 a", 250)]),
    ("XSHA", &[("XSHA a", 250)]),
    ("XSHA1", &[("XSHA1 a", 250)]),
    ("XSHA256", &[("XSHA256 a", 250)]),
    ("XSHA512", &[("XSHA512 a", 250)]),
    ("MDTM", &[("MDTM a", 213)]),
    ("MFMT", &[("MFMT 20260203040506 a", 213)]),
    ("MFF Modify;UNIX.mode;", &[("MFF Modify=20260203040506;UNIX.mode=0600; a", 213)]),
    ("AVBL", &[("AVBL", 213)]),
    (
        "SITE CHMOD;HELP;IDLE;QUOTA;SYMLINK;UTIME;WHO",
        &[
            ("SITE CHMOD 600 a", 200),
            ("SITE HELP", 214),
            ("SITE IDLE 300", 200),
            ("SITE QUOTA", 200),
            ("SITE SYMLINK a link", 200),
            ("SITE UTIME 20260203040506 a", 200),
            ("SITE WHO", 211),
        ],
    ),
    ("UTF8", &[("OPTS UTF8 ON", 200), ("OPTS UTF8", 200), ("MKD grüße", 257)]),
    ("CLNT", &[("CLNT test", 200)]),
    ("CSID", &[("CSID Name=test;", 200)]),
    ("LANG EN*", &[("LANG", 200), ("LANG EN", 200)]),
    ("CEPR", &[("CEPR ON", 200)]),
    ("PRET", &[("PRET RETR a", 200)]),
    ("SITE RATE", &[("SITE RATE", 200), ("SITE RATE 1048576", 200), ("SITE RATE 0", 200)]),
    ("TVFS", &[("CWD /d/../d/.", 250)]),
];
