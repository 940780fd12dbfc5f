//! Child processes of this same binary: hidden subcommands, limits, and an end when the parent goes.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

/// The hidden subcommand that parses one untrusted file.
pub const PARSE: &str = "__parse";
/// The hidden subcommand that serves a model.
pub const GENERATE: &str = "__generate";

/// The program that is started as a child: the same binary, with what it needs in its environment.
#[derive(Clone, Debug)]
pub struct WorkerProgram {
    /// The executable; its `main` calls [`run_if_worker`] first.
    pub program: PathBuf,
    /// Set in the child's environment, on top of what the parent has.
    pub env: Vec<(String, String)>,
}

/// What a child may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Address space in bytes (`RLIMIT_AS`); `None` for no limit.
    pub memory_bytes: Option<u64>,
    /// Processor seconds (`RLIMIT_CPU`); `None` for no limit.
    pub cpu_seconds: Option<u64>,
    /// Kill the child when the *thread* that started it ends (`PR_SET_PDEATHSIG`). Only for callers that wait for the
    /// child on that same thread; others rely on the child seeing the end of its input.
    pub die_with_thread: bool,
}

impl WorkerProgram {
    /// Starts `subcommand` with `args`; stdin, stdout and stderr are pipes.
    pub fn spawn(&self, subcommand: &str, args: &[OsString], limits: ProcessLimits) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).args(args).envs(self.env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        limit(&mut command, limits);
        command.spawn()
    }
}

#[cfg(unix)]
fn limit(command: &mut Command, limits: ProcessLimits) {
    use std::os::unix::process::CommandExt;
    // SAFETY: the closure runs between fork and exec and calls only setrlimit and prctl, which are async-signal-safe,
    // on values copied into it; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            if let Some(bytes) = limits.memory_bytes {
                set_rlimit(libc::RLIMIT_AS, bytes)?;
            }
            if let Some(seconds) = limits.cpu_seconds {
                set_rlimit(libc::RLIMIT_CPU, seconds)?;
            }
            // A crash on a hostile file must not write the document's text into a core file.
            set_rlimit(libc::RLIMIT_CORE, 0)?;
            #[cfg(target_os = "linux")]
            if limits.die_with_thread && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

#[cfg(target_os = "linux")]
type Resource = libc::__rlimit_resource_t;
#[cfg(all(unix, not(target_os = "linux")))]
type Resource = libc::c_int;

#[cfg(unix)]
fn set_rlimit(resource: Resource, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `limit` is a valid rlimit that outlives the call; setrlimit keeps no pointer.
    match unsafe { libc::setrlimit(resource, &limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(unix))]
fn limit(_: &mut Command, _: ProcessLimits) {}

/// First thing in `main` of both binaries: where `args` (the program's name first, as `std::env::args_os` gives them)
/// ask for a hidden subcommand, runs it and returns its exit code; otherwise `None`.
pub fn run_if_worker(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.skip(1);
    match args.next()?.to_str()? {
        PARSE => Some(crate::import::worker::serve()),
        GENERATE => Some(match args.next() {
            Some(model_dir) => {
                crate::generate::serve::run(Path::new(&model_dir), args.next().as_deref().map(Path::new))
            }
            None => ExitCode::from(2),
        }),
        _ => None,
    }
}

/// Ends this process as soon as `input` ends: the parent holds the other end and is gone. Runs on its own thread.
pub fn exit_when_parent_goes(mut input: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut byte = [0u8; 64];
        while matches!(input.read(&mut byte), Ok(n) if n > 0) {}
        std::process::exit(0);
    });
}

/// The last 4 KiB of a stream, kept on a thread of its own so that the child never blocks on a full pipe.
#[derive(Debug)]
pub struct Tail(std::thread::JoinHandle<Vec<u8>>);

impl Tail {
    /// Starts reading.
    pub fn of(mut stream: impl Read + Send + 'static) -> Tail {
        const KEPT: usize = 4096;
        Tail(std::thread::spawn(move || {
            let mut kept: Vec<u8> = Vec::new();
            let mut piece = [0u8; 4096];
            while let Ok(n) = stream.read(&mut piece) {
                if n == 0 {
                    break;
                }
                kept.extend_from_slice(piece.get(..n).unwrap_or_default());
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
            }
            kept
        }))
    }

    /// Waits for the stream's end and returns what was kept, as text.
    pub fn text(self) -> String {
        self.0.join().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string()).unwrap_or_default()
    }
}

/// What ended a child, in words: its exit status or its signal.
pub fn status_in_words(status: std::process::ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            libc::SIGSEGV => "segmentation fault",
            libc::SIGABRT => "abort",
            libc::SIGBUS => "bus error",
            libc::SIGILL | libc::SIGTRAP => "trap",
            libc::SIGKILL => "killed",
            libc::SIGXCPU => "processor time used up",
            libc::SIGFPE => "arithmetic fault",
            _ => return format!("signal {signal}"),
        };
        return name.to_string();
    }
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => "unknown end".to_string(),
    }
}
