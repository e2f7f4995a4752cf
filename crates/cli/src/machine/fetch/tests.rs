//! Downloads from a server on this machine that misbehaves in every way a mirror can.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::*;

const NAME: &str = "data-idx1-ubyte.gz";

/// What the server does with a request.
#[derive(Clone)]
enum Answer {
    /// Serves the bytes, and ranges of them.
    File(Vec<u8>),
    /// As `File`, but closes the connection after so many bytes of the body.
    Cut(Vec<u8>, usize),
    /// Serves all bytes with status 200 whatever range is asked for.
    NoRanges(Vec<u8>),
    /// Serves the bytes from the start with status 206.
    WrongRange(Vec<u8>),
    /// Serves all bytes without stating their number.
    Unsized(Vec<u8>),
    /// Sends the header and so many bytes, then nothing.
    Stall(Vec<u8>, usize),
    /// Answers with this status and an empty body.
    Status(u16),
}

/// A server with one answer for each connection, the last one for all further ones.
struct Server {
    base: String,
    /// The `Range` header of each request, empty where there was none.
    ranges: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}/set/", listener.local_addr().expect("an address"));
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        // The thread lives until the test process ends.
        std::thread::spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                let answer = answers[i.min(answers.len() - 1)].clone();
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream.expect("a connection"), &answer, &seen));
            }
        });
        Server { base, ranges }
    }

    fn ranges(&self) -> Vec<String> {
        self.ranges.lock().expect("no panic in the server").clone()
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<String>>) {
    let mut range = String::new();
    for (i, line) in BufReader::new(stream.try_clone().expect("a second handle")).lines().enumerate() {
        let line = line.expect("a request");
        if i == 0 {
            assert_eq!(line, format!("GET /set/{NAME} HTTP/1.1"));
        } else if let Some((_, value)) = line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case("range")) {
            range = value.to_string();
        } else if line.is_empty() {
            break;
        }
    }
    let start: usize = range.strip_prefix("bytes=").map_or(0, |r| r.trim_end_matches('-').parse().expect("a number"));
    seen.lock().expect("no panic in the server").push(range);
    let mut send = |status: u16, range: Option<usize>, sized: bool, body: &[u8], sent: usize| {
        let mut head = format!("HTTP/1.1 {status} -\r\nConnection: close\r\n");
        if let Some(start) = range {
            head += &format!("Content-Range: bytes {start}-{}/{}\r\n", start + body.len() - 1, start + body.len());
        }
        if sized {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        // A client that has seen enough may hang up, which is no failure of the server.
        let _ = stream.write_all((head + "\r\n").as_bytes());
        let _ = stream.write_all(&body[..sent.min(body.len())]);
    };
    match answer {
        Answer::File(bytes) | Answer::Cut(bytes, _) | Answer::Stall(bytes, _) => {
            let sent = match answer {
                Answer::Cut(_, sent) | Answer::Stall(_, sent) => *sent,
                _ => usize::MAX,
            };
            match start {
                0 => send(200, None, true, bytes, sent),
                _ if start >= bytes.len() => send(416, None, true, &[], 0),
                _ => send(206, Some(start), true, &bytes[start..], sent),
            }
        }
        Answer::NoRanges(bytes) => send(200, None, true, bytes, usize::MAX),
        Answer::WrongRange(bytes) => match start {
            0 => send(200, None, true, bytes, usize::MAX),
            _ => send(206, Some(0), true, bytes, usize::MAX),
        },
        Answer::Unsized(bytes) => send(200, None, false, bytes, usize::MAX),
        Answer::Status(status) => send(*status, None, true, &[], 0),
    }
    if matches!(answer, Answer::Stall(..)) {
        // Until the client gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// 40,000 bytes that hardly compress, and their gzip file.
fn content() -> (Vec<u8>, Vec<u8>) {
    let mut state = 1u32;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let plain: Vec<u8> = bytes.take(40_000).collect();
    let packed = gzip(&plain);
    (plain, packed)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("a Vec takes all")
}

/// A directory for the downloads, and the calls of `fetch` on it.
struct Fetcher {
    directory: tempfile::TempDir,
    sha256: String,
    len: u64,
    stall_timeout: Duration,
    progress: Vec<(u64, Option<u64>)>,
}

impl Fetcher {
    fn new() -> Self {
        let (plain, _) = content();
        let sha256 = Sha256::digest(&plain).iter().map(|byte| format!("{byte:02x}")).collect();
        let directory = tempfile::tempdir().expect("a directory");
        Fetcher {
            directory,
            sha256,
            len: plain.len() as u64,
            stall_timeout: Duration::from_secs(600),
            progress: Vec::new(),
        }
    }

    fn run(&mut self, servers: &[&Server]) -> Result<Outcome, FetchError> {
        let files = [RemoteFile { name: NAME, unpacked_len: self.len, sha256: &self.sha256 }];
        let mirrors: Vec<&str> = servers.iter().map(|server| server.base.as_str()).collect();
        let set = RemoteSet { name: "set", files: &files, mirrors: &mirrors };
        let connection =
            Connection { stall_timeout: self.stall_timeout, proxy_from_env: false, ..Connection::default() };
        let progress = &mut self.progress;
        let into = self.directory.path().join("set");
        fetch(&set, &mirrors, &into, &connection, &mut |_, done, total| progress.push((done, total)))
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("set").join(NAME)
    }

    fn part(&self) -> PathBuf {
        self.path().with_extension("gz.part")
    }

    fn put(&self, path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    }

    /// The downloaded file is there, and nothing beside it.
    #[track_caller]
    fn assert_complete(&self) {
        assert_eq!(fs::read(self.path()).expect("the file"), content().1);
        assert_eq!(fs::read_dir(self.directory.path().join("set")).expect("a directory").count(), 1);
    }

    #[track_caller]
    fn assert_fails(&mut self, servers: &[&Server], kind: FetchErrorKind, words: &[&str]) {
        let error = self.run(servers).expect_err("the download must fail");
        let line = error.to_string();
        assert_eq!(error.kind, kind, "{line}");
        for word in words {
            assert!(line.contains(word), "'{word}' is missing: {line}");
        }
        assert!(!line.contains('\n'));
        assert!(!self.path().exists());
    }
}

#[test]
fn a_file_is_downloaded_once_and_then_kept() {
    let server = Server::start(vec![Answer::File(content().1)]);
    let mut fetcher = Fetcher::new();
    assert_eq!(fetcher.run(&[&server]).expect("a download").downloaded, [NAME]);
    fetcher.assert_complete();
    let total = content().1.len() as u64;
    assert_eq!((fetcher.progress[0], fetcher.progress.last()), ((0, Some(total)), Some(&(total, Some(total)))));
    assert_eq!(fetcher.run(&[&server]).expect("nothing to do").present, [NAME]);
    assert_eq!(server.ranges(), [""]);
}

#[test]
fn a_damaged_file_is_replaced() {
    let server = Server::start(vec![Answer::File(content().1)]);
    let mut fetcher = Fetcher::new();
    let mut damaged = content().1;
    damaged[20_000] ^= 1;
    fetcher.put(&fetcher.path(), &damaged);
    assert_eq!(fetcher.run(&[&server]).expect("a download").downloaded, [NAME]);
    fetcher.assert_complete();
}

#[test]
fn a_connection_cut_midway_resumes_where_it_broke() {
    let packed = content().1;
    let cut = |at| Answer::Cut(packed.clone(), at);
    let server = Server::start(vec![cut(10_000), cut(5_000), Answer::File(packed.clone())]);
    let mut fetcher = Fetcher::new();
    fetcher.run(&[&server]).expect("a download");
    fetcher.assert_complete();
    assert_eq!(server.ranges(), ["", "bytes=10000-", "bytes=15000-"]);
}

#[test]
fn a_part_of_an_earlier_call_is_completed() {
    let packed = content().1;
    let broken = Server::start(vec![Answer::Cut(packed.clone(), 10_000), Answer::Status(500)]);
    let mut fetcher = Fetcher::new();
    fetcher.assert_fails(&[&broken], FetchErrorKind::Network, &[NAME, &broken.base, "HTTP 500"]);
    assert_eq!(fs::read(fetcher.part()).expect("the part"), packed[..10_000]);
    let server = Server::start(vec![Answer::File(packed)]);
    fetcher.run(&[&server]).expect("a download");
    fetcher.assert_complete();
    assert_eq!(server.ranges(), ["bytes=10000-"]);
}

#[test]
fn a_server_that_ignores_or_mistakes_the_range_sends_everything_anew() {
    let packed = content().1;
    for answer in [Answer::NoRanges(packed.clone()), Answer::WrongRange(packed.clone())] {
        let (servers, mut fetcher) = ([0, 1].map(|_| Server::start(vec![answer.clone()])), Fetcher::new());
        fetcher.put(&fetcher.part(), &packed[..7_000]);
        fetcher.run(&[&servers[0], &servers[1]]).expect("a download");
        fetcher.assert_complete();
        assert_eq!(servers[0].ranges()[0], "bytes=7000-");
    }
}

#[test]
fn a_part_of_another_file_is_thrown_away() {
    let packed = content().1;
    for stale in [vec![7; 9_000], vec![7; packed.len()], vec![7; packed.len() + 1]] {
        let (server, mut fetcher) = (Server::start(vec![Answer::File(packed.clone())]), Fetcher::new());
        fetcher.put(&fetcher.part(), &stale);
        fetcher.run(&[&server]).expect("a download");
        fetcher.assert_complete();
        assert_eq!(server.ranges(), [format!("bytes={}-", stale.len()), String::new()]);
    }
}

#[test]
fn a_part_that_is_already_whole_is_accepted_after_416() {
    let packed = content().1;
    let (server, mut fetcher) = (Server::start(vec![Answer::File(packed.clone())]), Fetcher::new());
    fetcher.put(&fetcher.part(), &packed);
    fetcher.run(&[&server]).expect("a download");
    fetcher.assert_complete();
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn the_next_mirror_is_asked_after_each_kind_of_failure() {
    let packed = content().1;
    let html = b"<html>captive portal</html>".to_vec();
    let bad = [
        Answer::Status(404),
        Answer::Status(500),
        Answer::Status(416),
        Answer::File(html),
        Answer::File(gzip(b"wrong")),
        Answer::Cut(packed.clone(), 0),
        Answer::Unsized(packed[..9_000].to_vec()),
    ];
    for answer in bad {
        let (first, second) = (Server::start(vec![answer]), Server::start(vec![Answer::Unsized(packed.clone())]));
        let mut fetcher = Fetcher::new();
        fetcher.run(&[&first, &second]).expect("a download");
        fetcher.assert_complete();
        assert!(!first.ranges().is_empty());
    }
}

#[test]
fn a_stalled_transfer_is_given_up_and_continued_elsewhere() {
    let packed = content().1;
    let first = Server::start(vec![Answer::Stall(packed.clone(), 6_000), Answer::Status(500)]);
    let second = Server::start(vec![Answer::File(packed)]);
    let mut fetcher = Fetcher { stall_timeout: Duration::from_secs(1), ..Fetcher::new() };
    fetcher.run(&[&first, &second]).expect("a download");
    fetcher.assert_complete();
    assert_eq!(second.ranges(), ["bytes=6000-"]);
}

#[test]
fn wrong_contents_are_refused_and_named() {
    let (plain, packed) = content();
    let mut other = plain.clone();
    other[5] ^= 1;
    let bomb = gzip(&vec![0; 10_000_000]);
    let cases = [
        (b"<html>captive portal</html>".to_vec(), "damaged gzip"),
        (packed[..30_000].to_vec(), "damaged gzip"),
        (gzip(&plain[1..]), "only 39999 bytes; 40000 are expected"),
        (bomb, "more than 40000 bytes"),
        (gzip(&other), "SHA-256"),
        ([packed.clone(), vec![0]].concat(), "after the end"),
        (vec![1; 100_000], "sent more than 41424 bytes"),
    ];
    for (bytes, word) in cases {
        let (server, mut fetcher) = (Server::start(vec![Answer::File(bytes)]), Fetcher::new());
        fetcher.assert_fails(&[&server], FetchErrorKind::Malformed, &["set", NAME, &server.base, word]);
        assert!(!fetcher.part().exists());
    }
}

#[test]
fn one_line_names_every_mirror_and_its_failure() {
    let missing = Server::start(vec![Answer::Status(404)]);
    let wrong = Server::start(vec![Answer::File(gzip(b"wrong"))]);
    let closed = Server { base: format!("http://127.0.0.1:{}/set/", closed_port()), ranges: Arc::default() };
    let words = [NAME, &missing.base, "HTTP 404", &wrong.base, "only 5 bytes", &closed.base, "refused"];
    Fetcher::new().assert_fails(&[&missing, &wrong, &closed], FetchErrorKind::Network, &words);
}

/// A port on which nobody listens any more.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[test]
fn failures_of_this_machine_are_told_apart() {
    let server = Server::start(vec![Answer::File(content().1)]);
    let mut fetcher = Fetcher::new();
    fetcher.put(&fetcher.part(), b"");
    let other = File::open(fetcher.part()).expect("the part");
    other.try_lock().expect("nobody holds the lock");
    fetcher.assert_fails(&[&server], FetchErrorKind::System, &["another process", ".part"]);
    drop(other);

    fs::remove_dir_all(fetcher.directory.path().join("set")).expect("removed");
    fs::write(fetcher.directory.path().join("set"), b"a file where the directory should be").expect("a file");
    fetcher.assert_fails(&[&server], FetchErrorKind::System, &["set"]);
    assert!(server.ranges().is_empty());
}
