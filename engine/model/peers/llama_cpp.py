"""Lectern's engine side by side with llama.cpp, on the same files, in one run, from nothing.

    python3 engine/model/peers/llama_cpp.py                          everything; hours, on an idle machine
    python3 engine/model/peers/llama_cpp.py --lengths 512,2048       some lengths only
    python3 engine/model/peers/llama_cpp.py --dry-run                say what would be done

README.md beside this file says what is measured and how to read it. Standard library only: what needs more runs in a
virtual environment that this script makes under --cache.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
VERSION = "0.3.36"
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
TYPES = ("q4_k_m", "q8_0")
# Small models (m1_files.py) and the types in which both engines must agree before anything is timed.
PARITY_TYPES = {"tiny": ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k", "q5_k", "q6_k", "q4_k_m"),
                "tiny4": ("f32", "q4_k")}
# llama.cpp rounds activations to 8 bits for quantised weights: on the tiny model it lies up to 0.009 from the exact
# product with the same weights (mean over 40 tokens), two engines with different rounding up to twice as far apart.
MOST_DIVERGENCE = {"f32": 1e-5, "f16": 1e-4, "bf16": 1e-3}
MOST_DIVERGENCE_QUANTISED = 0.03
# The measured model has 16 random layers and 32 experts, so that rounding changes who is chosen: llama.cpp lies 0.09
# (Q8_0) and 0.11 (Q4_K_M) from the exact product. Unrelated logits would be about 9 apart.
MOST_DIVERGENCE_MEASURED = 0.4
FREE_BYTES = 8 << 30
FLASH = {"auto": -1, "off": 0, "on": 1}


# --- Steps, each done once per cache folder -----------------------------------------------------------------------

class Cache:
    """Folder for what takes long to make. A step leaves a stamp that says with what it was made."""

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def source(self) -> Path:
        return self.folder / f"llama_cpp_python-{VERSION}"

    @property
    def llama(self) -> Path:
        return self.source / "vendor" / "llama.cpp"

    @property
    def build(self) -> Path:
        return self.folder / "build"

    def model(self, name: str, kind: str) -> Path:
        return self.folder / f"{name}-{kind}.gguf"

    def once(self, key: str, work: Callable[[list[str]], None], *names: str) -> None:
        """Does `work` for those of `names` whose stamps do not say that it was done with the same `key`."""
        stamps = {name: self.folder / f"{name}.stamp" for name in names}
        absent = [name for name, stamp in stamps.items() if not stamp.is_file() or stamp.read_text() != key]
        if not absent:
            return
        say(f"{', '.join(absent)} ...")
        started = time.monotonic()
        for name in absent:
            stamps[name].unlink(missing_ok=True)
        work(absent)
        for name in absent:
            stamps[name].write_text(key)
        say(f"{', '.join(absent)}: {time.monotonic() - started:.0f} s")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(command: list, **more) -> None:
    """Runs a command of a step; its output goes to standard error, out of the way of the results."""
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr, **more)


def digest(*paths: Path) -> str:
    """Digest of files, to notice that a step must be done again."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def processor() -> str:
    """Name and abilities of the processor: a native build is for this one only."""
    keys = ("model name", "flags", "Features")
    told = {line.split(":", 1)[-1].strip() for line in cpuinfo() if line.startswith(keys)}
    return " ".join(sorted(told)) or platform.processor() or platform.machine()


def cpuinfo() -> list[str]:
    """What Linux says of the processors; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def prepare(cache: Cache, args: argparse.Namespace) -> None:
    """Virtual environment, source, library and model files."""
    cache.folder.mkdir(parents=True, exist_ok=True)
    requirements = HERE / "requirements.txt"

    def environment(_: list[str]) -> None:
        venv.create(cache.folder / "venv", with_pip=True, clear=True)
        run([cache.python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements])

    def source(_: list[str]) -> None:
        downloads = cache.folder / "sdist"
        run([cache.python, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary",
             "llama-cpp-python", "-d", downloads, f"llama-cpp-python=={VERSION}"])
        archive = downloads / f"llama_cpp_python-{VERSION}.tar.gz"
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SDIST_SHA256:
            raise SystemExit(f"{archive} is not the release this script was written for")
        shutil.rmtree(cache.source, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(cache.folder, filter="data")

    def library(_: list[str]) -> None:
        bin_folder = cache.python.parent
        where = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
        shutil.rmtree(cache.build, ignore_errors=True)
        run([bin_folder / "cmake", "-S", cache.llama, "-B", cache.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
             "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=ON", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF",
             "-DLLAMA_BUILD_COMMON=OFF", "-DLLAMA_BUILD_TOOLS=OFF", "-DLLAMA_BUILD_TESTS=OFF",
             "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_SERVER=OFF"], env=where)
        run([bin_folder / "cmake", "--build", cache.build, "--target", "llama", "-j", args.jobs], env=where)

    cache.once(digest(requirements), environment, "environment")
    cache.once(SDIST_SHA256, source, "source")
    cache.once(f"{SDIST_SHA256} {processor()}", library, "library")

    made_by = digest(HERE / "m1_files.py", requirements)
    for name, through, kinds in [*((name, "f32", kinds) for name, kinds in PARITY_TYPES.items()),
                                 ("measure", "f16", args.types)]:  # f16 as one converts a released checkpoint
        cache.once(made_by, lambda files, name=name, through=through: make_models(cache, name, through, files),
                   *(f"{name}-{kind}" for kind in kinds))


def make_models(cache: Cache, name: str, through: str, files: list[str]) -> None:
    """GGUF files (`NAME-TYPE`) of a random-weight model: written as the converter does, then quantised by llama.cpp."""
    kinds = [file.removeprefix(f"{name}-") for file in files]
    if name == "measure" and shutil.disk_usage(cache.folder).free < FREE_BYTES:
        raise SystemExit(f"{cache.folder} needs {FREE_BYTES >> 30} GB of free disk while the model is made")

    def write(kind: str) -> Path:
        path = cache.model(name, kind)
        run([cache.python, HERE / "m1_files.py", "--gguf-py", cache.llama / "gguf-py", "--config", name, "--gguf", path,
             "--type", kind])
        return path

    first = write(through)
    for kind in kinds:
        if kind in ("f16", "bf16"):
            write(kind)
        elif kind != through:
            worker(cache, "quantize", first, cache.model(name, kind), kind, "--threads", os.cpu_count() or 1)
    if not (cache.folder / f"{name}-{through}.stamp").is_file() and through not in kinds:
        first.unlink()


def worker(cache: Cache, *arguments) -> dict:
    """Runs llama_worker.py and returns what it says."""
    return json.loads(finish(cache_command(cache, *arguments)).output)


def cache_command(cache: Cache, *arguments) -> Command:
    return Command([str(cache.python), str(HERE / "llama_worker.py"), *map(str, arguments)],
                   {"PYTHONPATH": str(cache.source), "LLAMA_CPP_LIB_PATH": str(cache.build / "bin")})


# --- Running one thing and watching the machine meanwhile ---------------------------------------------------------

@dataclass(frozen=True)
class Command:
    """A command with what it adds to the environment."""

    words: list[str]
    environment: dict[str, str]


@dataclass(frozen=True)
class Finished:
    """What a command printed, its peak memory, and what part of the processors others used meanwhile."""

    output: str
    peak_bytes: int
    seconds: float
    others: float


def busy_seconds() -> float:
    """Seconds that all processors together have worked since the machine started."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return math.nan
    user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def finish(command: Command) -> Finished:
    """Runs a command to its end."""
    busy, started = busy_seconds(), time.monotonic()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command.words, stdout=output, stderr=errors, env={**os.environ, **command.environment})
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            raise Failed(f"{' '.join(command.words)} ended with {child.returncode}:\n{errors.read()[-2000:]}")
        seconds = time.monotonic() - started
        others = (busy_seconds() - busy - usage.ru_utime - usage.ru_stime) / (seconds * (os.cpu_count() or 1))
        # Kilobytes on Linux, bytes on macOS.
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Finished(output.read(), peak, seconds, max(0.0, others))


class Failed(Exception):
    """A command ended with an error."""


# --- The two engines ------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Run:
    """One engine on one file at one length."""

    engine: str
    file: str
    prompt: int
    threads: int
    ubatch: int | None  # llama.cpp only
    prefill_tokens_s: float
    decode_tokens_s: float
    peak_bytes: int
    others: float  # part of the processors that other programs used
    more: dict


def measure_llama(cache: Cache, file: Path, prompt: int, args: argparse.Namespace, threads: int, ubatch: int) -> Run:
    """llama.cpp reads `prompt` ids, then one at a time some more."""
    done = finish(cache_command(cache, "bench", file, "--prompt", prompt, "--decode", args.decode, "--threads", threads,
                                "--ubatch", ubatch, "--flash", FLASH[args.flash]))
    found = json.loads(done.output)
    # Python and numpy are not part of llama.cpp.
    peak = found["peak_bytes"] - found["peak_bytes_before_load"]
    return Run("llama.cpp", file.name, prompt, threads, ubatch, found["prefill_tokens_s"], found["decode_tokens_s"],
               peak, done.others, found)


def measure_ours(lectern: Path, file: Path, prompt: int, decode: int, threads: int) -> Run:
    """The same with Lectern's engine."""
    words = [str(lectern), "model", "bench", "--model", str(file), "--lengths", str(prompt), "--decode", str(decode),
             "--json"]
    done = finish(Command(words, {"RAYON_NUM_THREADS": str(threads)}))
    found = json.loads(done.output)
    (measure,) = found["measures"]
    return Run("lectern", file.name, prompt, threads, None, measure["prefill_tokens_s"], measure["decode_tokens_s"],
               # Not the later peak: ours also saves and reopens the state, which llama.cpp is not asked to.
               found.get("reading_peak_memory_bytes") or done.peak_bytes, done.others, found)


def logits_of_llama(cache: Cache, file: Path, ids: Path, exact: bool) -> list[list[float]]:
    """Logits after each id; `exact` without the 16-bit shortcuts that llama.cpp takes in attention."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.npy"
        worker(cache, "logits", file, ids, out, *(["--flash", 0, "--kv", "f32"] if exact else []))
        return read_npy(out)


def logits_of_ours(lectern: Path, file: Path, ids: Path) -> list[list[float]]:
    """The same with Lectern's engine."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.safetensors"
        words = [str(lectern), "model", "logits", "--model", str(file), "--ids", str(ids), "--out", str(out)]
        finish(Command(words, {}))
        return read_safetensors(out)


def read_npy(path: Path) -> list[list[float]]:
    """A two-dimensional f32 array of NumPy's format 1."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<H", data, 8)
    header = data[10:10 + length].decode()
    rows, columns = (int(n) for n in header.split("'shape': (")[1].split(")")[0].split(","))
    assert "'<f4'" in header and "'fortran_order': False" in header, header
    return rows_of(data[10 + length:], rows, columns)


def read_safetensors(path: Path) -> list[list[float]]:
    """Tensor `logits`, f32, [T, V]."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    entry = json.loads(data[8:8 + length])["logits"]
    assert entry["dtype"] == "F32", entry
    start, end = entry["data_offsets"]
    return rows_of(data[8 + length + start:8 + length + end], *entry["shape"][-2:])


def rows_of(data: bytes, rows: int, columns: int) -> list[list[float]]:
    return [list(struct.unpack_from(f"<{columns}f", data, 4 * columns * row)) for row in range(rows)]


# --- Parity ---------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Parity:
    """How far two engines' logits of the same ids are apart."""

    file: str
    tokens: int
    same_choice: float  # part of the tokens after which both find the same id most likely
    divergence: float  # mean Kullback-Leibler divergence
    worst: float
    largest_difference: float
    limit: float

    @property
    def good(self) -> bool:
        return self.divergence <= self.limit


def compare(file: str, ours: list[list[float]], theirs: list[list[float]], limit: float) -> Parity:
    divergences = [divergence(a, b) for a, b in zip(theirs, ours, strict=True)]
    same = sum(a.index(max(a)) == b.index(max(b)) for a, b in zip(ours, theirs, strict=True))
    most = max(abs(x - y) for a, b in zip(ours, theirs, strict=True) for x, y in zip(a, b, strict=True))
    return Parity(file, len(ours), same / len(ours), sum(divergences) / len(ours), max(divergences), most, limit)


def divergence(p: list[float], q: list[float]) -> float:
    """Kullback-Leibler divergence of two distributions given as logits."""
    p, q = log_softmax(p), log_softmax(q)
    return math.fsum(math.exp(a) * (a - b) for a, b in zip(p, q, strict=True))


def log_softmax(values: list[float]) -> list[float]:
    top = max(values)
    total = top + math.log(math.fsum(math.exp(v - top) for v in values))
    return [v - total for v in values]


def parity(cache: Cache, lectern: Path, args: argparse.Namespace) -> list[Parity]:
    """Both engines on the tiny model in every type, and on the measured files."""
    ids = cache.folder / "ids.json"
    ids.write_text(json.dumps([(i * 197 + 31) % 500 for i in range(40)]))
    files = [(name, kind) for name, kinds in PARITY_TYPES.items() for kind in kinds]
    files += [("measure", kind) for kind in args.types]
    found = []
    for name, kind in files:
        file = cache.model(name, kind)
        limit = MOST_DIVERGENCE_MEASURED if name == "measure" else MOST_DIVERGENCE.get(kind, MOST_DIVERGENCE_QUANTISED)
        theirs = logits_of_llama(cache, file, ids, exact=kind == "f32")
        ours = logits_of_ours(lectern, file, ids)
        found.append(compare(file.name, ours, theirs, limit))
        p = found[-1]
        say(f"parity {p.file}: KL {p.divergence:.1e}, worst {p.worst:.1e}, same choice {p.same_choice:.3f}, "
            f"largest difference {p.largest_difference:.2g}{'' if p.good else '  TOO FAR'}")
    return found


# --- Order, tables, the whole ---------------------------------------------------------------------------------------

def order(args: argparse.Namespace) -> Iterator[tuple[str, int, int, int | None]]:
    """(type, prompt, threads, ubatch or None for ours) in the order of running: neighbours are comparable, and who goes
    first alternates."""
    turn = 0
    for _ in range(args.rounds):
        for kind in args.types:
            for prompt in args.lengths:
                for threads in args.threads:
                    runs: list[int | None] = [u for u in args.ubatches if u <= max(prompt, min(args.ubatches))]
                    if not args.without_ours:
                        runs.insert((len(runs) + 1) // 2, None)
                    for ubatch in runs if turn % 2 == 0 else reversed(runs):
                        yield kind, prompt, threads, ubatch
                    turn += 1


def best(runs: list[Run], engine: str, file: str, prompt: int, threads: int | None, what: str) -> Run | None:
    """The fastest of an engine; `threads` None: of all thread counts."""
    fits = [r for r in runs if (r.engine, r.file, r.prompt) == (engine, file, prompt) and threads in (None, r.threads)]
    return max(fits, key=lambda r: getattr(r, what), default=None)


def table(runs: list[Run], args: argparse.Namespace) -> list[str]:
    """What was found, per file, length and threads; `best` rows compare each engine's best over the thread counts."""
    lines = ["file                 prompt threads | llama.cpp read/s (ubatch)  ours  ratio | "
             "llama.cpp written/s  ours  ratio | peak MB llama.cpp  ours | others"]

    def cell(run: Run | None, what: str, digits: int) -> str:
        return "-" if run is None else f"{getattr(run, what):,.{digits}f}"

    for file in dict.fromkeys(r.file for r in runs):
        for prompt in args.lengths:
            for threads in [*args.threads, None] if len(args.threads) > 1 else args.threads:
                read, our_read, wrote, our_wrote = (
                    best(runs, engine, file, prompt, threads, what)
                    for what in ("prefill_tokens_s", "decode_tokens_s") for engine in ("llama.cpp", "lectern"))
                if read is None and our_read is None:
                    continue

                def ratio(a: Run | None, b: Run | None, what: str) -> str:
                    return "-" if a is None or b is None else f"{getattr(a, what) / getattr(b, what):.2f}"

                memory = [f"{run.peak_bytes / 1e6:,.0f}" if run else "-" for run in (read, our_read)]
                others = max(run.others for run in (read, our_read, wrote, our_wrote) if run)
                lines.append(
                    f"{file:20} {prompt:6} {threads or 'best':>7} | {cell(read, 'prefill_tokens_s', 1):>16} "
                    f"{'(' + str(read.ubatch) + ')' if read else '':8} {cell(our_read, 'prefill_tokens_s', 1):>5} "
                    f"{ratio(our_read, read, 'prefill_tokens_s'):>6} | {cell(wrote, 'decode_tokens_s', 1):>19} "
                    f"{cell(our_wrote, 'decode_tokens_s', 1):>5} {ratio(our_wrote, wrote, 'decode_tokens_s'):>6} | "
                    f"{memory[0]:>17} {memory[1]:>5} | {others:5.0%}")
    return lines


def machine() -> dict:
    """Where this ran."""
    names = [line.split(":", 1)[1].strip() for line in cpuinfo() if line.startswith("model name")]
    flags = processor().split()
    told = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm") if f in flags]
    return {"processor": names[0] if names else platform.processor(), "processors": os.cpu_count(), "abilities": told,
            "system": platform.platform(), "load": os.getloadavg(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")}


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "build" / "peers",
                        help="folder for the source, library and models (4 GB; 7 while they are made)")
    parser.add_argument("--lengths", type=numbers, default=[512, 2048, 8192, 32768], help="tokens of a prompt")
    parser.add_argument("--decode", type=int, default=128, help="tokens written after each")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--ubatches", type=numbers, default=[128, 512], help="of llama.cpp; its best counts")
    parser.add_argument("--flash", choices=FLASH, default="auto", help="flash attention of llama.cpp")
    parser.add_argument("--types", type=lambda t: t.split(","), default=list(TYPES))
    parser.add_argument("--rounds", type=int, default=1, help="how often everything is measured; the best counts")
    parser.add_argument("--out", type=Path, help="JSON file of the results; in the cache folder if absent")
    parser.add_argument("--lectern", type=Path, help="our program; built if absent")
    parser.add_argument("--without-ours", action="store_true", help="llama.cpp alone")
    parser.add_argument("--in-spite", action="store_true", help="measure although the engines do not agree")
    parser.add_argument("--prepare-only", action="store_true", help="make what is needed and stop")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="of the build")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    args = parser.parse_args()
    if unknown := set(args.types) - {"q8_0", "q4_0", "q4_1", "q4_k", "q5_k", "q6_k", "q4_k_m", "q5_k_m"}:
        parser.error(f"unknown types: {', '.join(sorted(unknown))}")
    if min(*args.lengths, *args.threads, *args.ubatches, args.decode, args.rounds, args.jobs) < 1:
        parser.error("numbers start at 1")
    args.cache = args.cache.resolve()
    args.out = args.out or args.cache / "results.json"
    return args


def build_ours(args: argparse.Namespace) -> Path:
    """Our program, built for release unless one was named."""
    if args.lectern:
        return args.lectern.resolve()
    run(["cargo", "build", "--release", "-p", "lectern-engine", "-j", args.jobs], cwd=REPOSITORY)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return (REPOSITORY / target / "release" / "lectern").resolve()


def main() -> int:
    args = arguments()
    cache = Cache(args.cache)
    if args.dry_run:
        print(f"llama-cpp-python {VERSION} and the files measure-{{{','.join(args.types)}}}.gguf in {args.cache}")
        small = sum(map(len, PARITY_TYPES.values()))
        print("no parity" if args.without_ours else f"parity of {small} small files and the measured ones")
        for kind, prompt, threads, ubatch in order(args):
            engine = "lectern" if ubatch is None else f"llama.cpp, ubatch {ubatch}"
            print(f"{kind:8} prompt {prompt:6} + {args.decode} on {threads} threads: {engine}")
        return 0
    prepare(cache, args)
    lectern = None if args.without_ours else build_ours(args)
    if args.prepare_only:
        return 0
    agreed = parity(cache, lectern, args) if lectern else []
    if not all(p.good for p in agreed) and not args.in_spite:
        say("The engines do not compute the same; nothing is measured (--in-spite to do it nevertheless).")
        return 1

    report = {"machine": machine(), "llama_cpp_python": VERSION, "decode": args.decode, "flash": args.flash,
              "parity": [asdict(p) for p in agreed], "runs": []}
    runs: list[Run] = []
    planned = list(order(args))
    for number, (kind, prompt, threads, ubatch) in enumerate(planned, 1):
        file = cache.model("measure", kind)
        if ubatch is None:
            done = measure_ours(lectern, file, prompt, args.decode, threads)
        else:
            done = measure_llama(cache, file, prompt, args, threads, ubatch)
        runs.append(done)
        report["runs"].append(asdict(done))
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + "\n")
        say(f"{number}/{len(planned)} {kind} {prompt} on {threads}: {done.engine}"
            f"{f' (ubatch {ubatch})' if ubatch else ''} reads {done.prefill_tokens_s:.1f}/s, writes "
            f"{done.decode_tokens_s:.1f}/s, {done.peak_bytes / 1e6:.0f} MB"
            f"{f'; other programs took {done.others:.0%} of the machine' if done.others > 0.03 else ''}")
    print("\n".join(table(runs, args)))
    print(f"\nratio: ours over llama.cpp's best ubatch. others: most that other programs took of the processors during "
          f"these runs;\nabove a few percent the figures say little, least of all of llama.cpp on several threads. "
          f"All runs: {args.out}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(str(failure))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{failure.cmd[0]} ended with {failure.returncode}")
