//! Untrusted files are parsed in a child process with limits; what it sent before it broke is kept.
//!
//! Pages come one by one. Where the child crashes, hangs or runs out of memory on a page, a new child goes on from there
//! with fewer extractors, and at last without that page: one bad page costs that page.

use super::pdf::{self, Engines, Opened, PageSink, ReadOptions};
use super::raw::{Format, RawDocument, RawPage};
use super::wire::{Frame, Request, read_frame, read_request, write_frame, write_request};
use super::{ParseError, normalize::normalize, sniff};
use crate::progress::{Event, Sink};
use crate::text::{DocText, ImportNote};
use crate::worker::{PARSE, ProcessLimits, Tail, WorkerProgram, exit_when_parent_goes, status_in_words};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::path::PathBuf;
use std::process::{Child, ExitCode};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Bytes at the start of a file by which its format is told.
const SNIFF_BYTES: u64 = 64 * 1024;
/// How often the person's wish to stop is asked for while a page is being read.
const TICK: Duration = Duration::from_millis(200);
/// Pages that may be given up because the parser broke on them; then the rest is given up at once.
const MAX_BROKEN_PAGES: u32 = 10;
/// Stack of the parsing thread: parsers recurse into nested input.
const STACK_BYTES: usize = 64 << 20;

/// What parsing one file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space of the child in MiB.
    pub memory_mb: u64,
    /// Wall-clock seconds for the whole file.
    pub seconds: u64,
    /// Wall-clock seconds for one page, or for opening the file.
    pub page_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mb: 3072, seconds: 600, page_seconds: 40 }
    }
}

/// Parses files in child processes.
#[derive(Debug, Clone)]
pub struct Parser {
    /// The program that runs as the child.
    pub program: WorkerProgram,
    /// Path of `libpdfium`, where there is one.
    pub pdfium: Option<PathBuf>,
    /// What one file may cost.
    pub limits: Limits,
}

impl Parser {
    /// Turns the file at `path`, called `name`, into canonical text. Progress is told in pages; `Break` stops at once.
    /// Blocking; to be called on a thread that stays until it returns.
    pub fn parse_file(
        &self,
        path: &Path,
        name: &str,
        password: Option<&str>,
        sink: &mut dyn Sink,
    ) -> Result<DocText, ParseError> {
        Ok(normalize(self.parse_raw(path, name, password, sink)?))
    }

    /// As [`Parser::parse_file`], before normalisation.
    pub fn parse_raw(
        &self,
        path: &Path,
        name: &str,
        password: Option<&str>,
        sink: &mut dyn Sink,
    ) -> Result<RawDocument, ParseError> {
        let in_path = |e: io::Error| ParseError::Io { path: path.display().to_string(), reason: e.to_string() };
        let mut head = Vec::new();
        std::fs::File::open(path).and_then(|f| f.take(SNIFF_BYTES).read_to_end(&mut head)).map_err(in_path)?;
        if head.is_empty() {
            return Err(ParseError::Empty);
        }
        let format = sniff(name, &head)
            .ok_or_else(|| ParseError::Unsupported { what: "of a kind that is not read".to_string() })?;
        let path = std::path::absolute(path).map_err(in_path)?;
        let request = Request {
            path,
            format,
            password: password.map(str::to_string),
            pdfium: self.pdfium.clone(),
            engines: Engines::Both,
            first_page: 1,
        };
        let deadline = Instant::now() + Duration::from_secs(self.limits.seconds);
        self.read_through(request, deadline, sink)
    }

    /// Runs children until all pages are read or given up.
    fn read_through(
        &self,
        mut request: Request,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<RawDocument, ParseError> {
        let mut read = Received::default();
        let mut broken_pages = 0;
        loop {
            let broke = match self.run_child(&request, deadline, &mut read, sink)? {
                End::Done => return read.finish(request.format),
                End::Failed(error) if read.opened.is_none() => return Err(error),
                End::Failed(error) | End::Broke(error) => error,
            };
            if Instant::now() >= deadline && read.pages.is_empty() {
                return Err(ParseError::TimedOut { seconds: self.limits.seconds });
            }
            let Some(opened) = &read.opened else {
                // It broke before a page was seen: the file itself is too much for the leading extractor.
                if request.format == Format::Pdf && request.pdfium.is_some() && request.engines != Engines::PdfExtract {
                    request.engines = Engines::PdfExtract;
                    continue;
                }
                return Err(broke);
            };
            let (pages, extractor) = (opened.pages, opened.extractor.clone());
            request.first_page = read.pages.len() as u32 + 1;
            if request.engines == Engines::Both && request.pdfium.is_some() && Instant::now() < deadline {
                request.engines = Engines::Pdfium;
                continue;
            }
            broken_pages += 1;
            let give_up = broken_pages >= MAX_BROKEN_PAGES || Instant::now() >= deadline;
            let last = if give_up { pages } else { request.first_page.min(pages) };
            for number in request.first_page..=last {
                let (page, note) = pdf::failed_page(number, extractor.clone(), &broke.to_string());
                read.push(page, note);
            }
            request.first_page = last + 1;
            if request.first_page > pages {
                return read.finish(request.format);
            }
        }
    }

    fn run_child(
        &self,
        request: &Request,
        deadline: Instant,
        read: &mut Received,
        sink: &mut dyn Sink,
    ) -> Result<End, ParseError> {
        let limits = ProcessLimits {
            memory_bytes: Some(self.limits.memory_mb << 20),
            cpu_seconds: Some(self.limits.seconds + 5),
            die_with_thread: true,
        };
        let io_error =
            |e: io::Error| ParseError::Io { path: self.program.program.display().to_string(), reason: e.to_string() };
        let mut child = Running(self.program.spawn(PARSE, &[], limits).map_err(io_error)?);
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take())
        else {
            return Err(io_error(io::Error::other("the child process has no pipes")));
        };
        let errors = Tail::of(stderr);
        let frames = frames_of(stdout);
        // The pipe breaks where the child dies early; what it said before is taken all the same, and what killed it told.
        let _ = write_request(&mut stdin, request);
        let ended = self.receive(&frames, deadline, read, sink)?;
        drop(frames);
        Ok(match ended {
            // The child does not know its limit.
            Some(End::Failed(ParseError::OutOfMemory { .. })) => {
                End::Broke(ParseError::OutOfMemory { limit_mb: self.limits.memory_mb })
            }
            Some(end) => end,
            None => End::Broke(self.cause(child, errors)),
        })
    }

    /// Takes frames until the last; `None` where the child ended without one.
    fn receive(
        &self,
        frames: &Receiver<io::Result<Frame>>,
        deadline: Instant,
        read: &mut Received,
        sink: &mut dyn Sink,
    ) -> Result<Option<End>, ParseError> {
        let patience = Duration::from_secs(self.limits.page_seconds);
        let mut heard = Instant::now();
        loop {
            let now = Instant::now();
            if now >= deadline || now > heard + patience {
                let seconds = if now >= deadline { self.limits.seconds } else { self.limits.page_seconds };
                return Ok(Some(End::Broke(ParseError::TimedOut { seconds })));
            }
            match frames.recv_timeout(TICK) {
                Ok(Ok(Frame::Done)) => return Ok(Some(End::Done)),
                Ok(Ok(Frame::Failed(error))) => return Ok(Some(End::Failed(error))),
                Ok(Ok(frame)) => read.take(frame),
                Ok(Err(e)) if e.kind() != io::ErrorKind::UnexpectedEof => {
                    let reason = format!("it answered with nonsense: {e}");
                    return Ok(Some(End::Broke(ParseError::Crashed { reason })));
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    tell(read, sink)?;
                    continue;
                }
            }
            heard = Instant::now();
            tell(read, sink)?;
        }
    }

    /// Why a child ended without an answer.
    fn cause(&self, mut child: Running, errors: Tail) -> ParseError {
        let status = child.0.wait();
        let said = errors.text();
        let out_of_memory = [
            "memory allocation of",
            "bad_alloc",
            "out of memory",
            "Out of memory",
            "annot allocate memory",
            "failed to map segment",
        ];
        if out_of_memory.iter().any(|words| said.contains(words)) {
            return ParseError::OutOfMemory { limit_mb: self.limits.memory_mb };
        }
        let status = status.map_or_else(|e| e.to_string(), status_in_words);
        let line = said.lines().rev().find(|l| !l.trim().is_empty()).map(|l| l.chars().take(200).collect::<String>());
        ParseError::Crashed { reason: line.map_or(status.clone(), |l| format!("{status}: {l}")) }
    }
}

fn tell(read: &Received, sink: &mut dyn Sink) -> Result<(), ParseError> {
    let total = read.opened.as_ref().map(|o| u64::from(o.pages));
    match sink.event(Event::Progress { done: read.pages.len() as u64, total, unit: "pages".to_string() }) {
        std::ops::ControlFlow::Continue(()) => Ok(()),
        std::ops::ControlFlow::Break(()) => Err(ParseError::Cancelled),
    }
}

enum End {
    /// All was sent.
    Done,
    /// The parser says that it cannot.
    Failed(ParseError),
    /// The child broke.
    Broke(ParseError),
}

/// Kills and reaps the child however its parent's call ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn frames_of(stdout: impl Read + Send + 'static) -> Receiver<io::Result<Frame>> {
    let (sender, receiver) = sync_channel(8);
    std::thread::spawn(move || {
        let mut stdout = BufReader::with_capacity(1 << 16, stdout);
        loop {
            let frame = read_frame(&mut stdout);
            let last = frame.is_err();
            if sender.send(frame).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// What has been received so far.
#[derive(Default)]
struct Received {
    opened: Option<Opened>,
    pages: Vec<RawPage>,
    notes: Vec<ImportNote>,
    document: Option<RawDocument>,
}

impl Received {
    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Opened(opened) => {
                // A later child opens the same file again; its first word stands.
                self.opened.get_or_insert(opened);
            }
            Frame::Page(page, note) if page.number == self.pages.len() as u32 + 1 => self.push(*page, note),
            Frame::Document(document) => self.document = Some(*document),
            Frame::Page(..) | Frame::Failed(_) | Frame::Done => {}
        }
    }

    fn push(&mut self, page: RawPage, note: Option<ImportNote>) {
        self.pages.push(page);
        self.notes.extend(note);
    }

    fn finish(self, format: Format) -> Result<RawDocument, ParseError> {
        if let Some(document) = self.document {
            return Ok(document);
        }
        let Some(Opened { title, extractor, mut notes, .. }) = self.opened else {
            return Err(ParseError::Crashed { reason: "it ended without an answer".to_string() });
        };
        notes.extend(self.notes);
        Ok(RawDocument { format, extractor, title, pages: self.pages, flow: Vec::new(), notes })
    }
}

/// The child: reads a request from stdin, answers in frames on stdout, ends when stdin ends.
pub fn serve() -> ExitCode {
    let Ok(mut out) = private_stdout() else { return ExitCode::from(3) };
    let Ok(request) = read_request(&mut io::stdin()) else { return ExitCode::from(4) };
    exit_when_parent_goes(io::stdin());
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| answer(&request, &mut out)));
        let last = match result {
            Ok(Ok(())) => Frame::Done,
            Ok(Err(error)) => Frame::Failed(error),
            Err(panic) => Frame::Failed(ParseError::Crashed { reason: pdf::pdf_extract::panic_words(panic.as_ref()) }),
        };
        write_frame(&mut out, &last).is_ok()
    });
    match thread.map(|t| t.join()) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Err(e) => {
            // No room for the thread's stack.
            eprintln!("out of memory: {e}");
            ExitCode::from(5)
        }
        _ => ExitCode::from(6),
    }
}

fn answer(request: &Request, out: &mut impl Write) -> Result<(), ParseError> {
    let bytes = std::fs::read(&request.path).map_err(|e| match e.kind() {
        io::ErrorKind::OutOfMemory => ParseError::OutOfMemory { limit_mb: 0 },
        _ => ParseError::Io { path: request.path.display().to_string(), reason: e.to_string() },
    })?;
    if request.format == Format::Pdf {
        let options = ReadOptions {
            password: request.password.as_deref(),
            pdfium: request.pdfium.as_deref(),
            engines: request.engines,
            first_page: request.first_page,
        };
        return pdf::read(&bytes, options, &mut FrameSink(out));
    }
    let document = super::parse(request.format, &bytes, None, None)?;
    send(out, &Frame::Document(Box::new(document)))
}

fn send(out: &mut impl Write, frame: &Frame) -> Result<(), ParseError> {
    write_frame(out, frame)
        .map_err(|e| ParseError::Io { path: "the pipe to the parent process".to_string(), reason: e.to_string() })
}

struct FrameSink<'a, W: Write>(&'a mut W);

impl<W: Write> PageSink for FrameSink<'_, W> {
    fn opened(&mut self, opened: Opened) -> Result<(), ParseError> {
        send(self.0, &Frame::Opened(opened))
    }

    fn page(&mut self, page: RawPage, note: Option<ImportNote>) -> Result<(), ParseError> {
        send(self.0, &Frame::Page(Box::new(page), note))
    }
}

/// The real stdout for frames alone; whatever a library prints goes to stderr.
#[cfg(unix)]
fn private_stdout() -> io::Result<BufWriter<std::fs::File>> {
    use std::os::fd::AsFd;
    let own = io::stdout().as_fd().try_clone_to_owned()?;
    // SAFETY: both descriptors are open; dup2 only repoints descriptor 1.
    if unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(BufWriter::with_capacity(1 << 16, std::fs::File::from(own)))
}

#[cfg(not(unix))]
fn private_stdout() -> io::Result<BufWriter<io::Stdout>> {
    Ok(BufWriter::new(io::stdout()))
}
