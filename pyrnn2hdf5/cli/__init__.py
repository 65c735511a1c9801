"""The command line: options, exit codes, streams. The only package that prints or exits.

Results go to stdout, everything else to stderr. A module a command; NumPy and h5py are imported
inside the commands, so that `--help` and completion do not wait for them.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import signal
import stat
import sys
from types import FrameType
from typing import Annotated, Final

import typer

from .. import __version__
from . import convert, models, ocr, show, verify
from .common import Exit, explain, tune_openblas

DOCUMENTS: Final = "https://github.com/pyrnn2hdf5/pyrnn2hdf5/blob/main/docs"


def _more(page: str) -> str:
    """What every help ends with."""
    codes = "Exit codes: 0 good, 1 a file was refused or failed, 2 wrong usage,"
    return f"\b\n{codes}\n130 interrupted, 141 nobody reads stdout, 143 terminated. More:\n{DOCUMENTS}/{page}.md"


app = typer.Typer(
    name="pyrnn2hdf5",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Convert OCRopus and kraken pyrnn models to HDF5: safely, exactly, verified.",
    epilog=_more("README"),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyrnn2hdf5 {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def _examples(*commands: str) -> str:
    command = commands[0].partition(" ")[0]
    # The backspace keeps the lines apart.
    examples = ("\b", "Examples:", *(f"  pyrnn2hdf5 {command}" for command in commands))
    return "\n".join((*examples, "", _more("model-directory" if command == "models" else command)))


app.command(
    short_help="Convert pyrnn models to HDF5 or ONNX, verified.",
    epilog=_examples(
        "convert en-default.pyrnn.gz",
        "convert models -o converted --report report.csv",
        "convert models --dry-run",
        "convert old.pyrnn.gz --label-encoding utf-8",
    ),
)(convert.convert)
app.command(
    epilog=_examples(
        "verify en-default.pyrnn.gz en-default.pyrnn.hdf5",
        "verify models converted --junit report.xml",
        "verify old.hdf5 new.hdf5 --lines 'lines/*.png'",
    ),
)(verify.verify)
app.command(
    short_help="Show what is in a model, without running any of it.",
    epilog=_examples("show en-default.pyrnn.gz", "show models", "show stranger.pyrnn.gz --globals"),
)(show.show)
app.command(
    short_help="Recognize line images with a model.",
    epilog=_examples(
        "ocr -m en-default.pyrnn.gz line.png",
        "ocr -m en-default.pyrnn.gz lines -o texts",
        "ocr -m en-default.pyrnn.hdf5 lines --evaluate -q",
    ),
)(ocr.ocr)
app.add_typer(models.models, name="models", epilog=_examples("models", "models clean"))


_stopped: Exit | None = None


def _stop(number: int, frame: FrameType | None) -> None:
    global _stopped
    if _stopped is None:
        _stopped = Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        # Some libraries swallow whatever is raised while they are imported: it is raised when they are done.
        _stop_soon()
        return
    # Raised, not ended, so that temporary files go.
    raise SystemExit(_stopped)


def _stop_soon() -> None:
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, 0.02)


def _is_importing(frame: FrameType | None) -> bool:
    while frame and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


def _stop_after(unraisable: sys.UnraisableHookArgs) -> None:
    """A stop that came inside a callback of the interpreter goes no further: it is raised when that is done."""
    if not isinstance(unraisable.exc_value, SystemExit):
        sys.__unraisablehook__(unraisable)
    elif hasattr(signal, "setitimer"):
        _stop_soon()
    else:
        os._exit(_stopped or Exit.INTERRUPTED)


def _lead_closed_streams_nowhere() -> None:
    """Else the next file that is opened becomes one of them, and is written to by whoever has something to say."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


COMMAND: Final = re.compile(r"^(\s*):(?=:)|##(?=\[)", re.MULTILINE)
"""What begins a command to GitHub Actions: `::` at the start of a line, and, of old, `##[` anywhere in it."""


class _WorkflowLog(io.TextIOWrapper):
    """A stream on which no text is a command: its first character is spelled out, so that JSON stays the same."""

    def write(self, text: str) -> int:
        return super().write(COMMAND.sub(lambda found: "\\u0023#" if found[1] is None else f"{found[1]}\\u003a", text))


def _keep_text_from_commanding() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # What goes to a file is read by no runner.
        if isinstance(stream, io.TextIOWrapper) and not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            log = _WorkflowLog(stream.buffer, stream.encoding, stream.errors, line_buffering=True)
            setattr(sys, name, log)


def main() -> None:
    """Run the command line."""
    _lead_closed_streams_nowhere()
    tune_openblas()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Recognized text in a locale that cannot write it.
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get("GITHUB_ACTIONS"):
        _keep_text_from_commanding()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    sys.unraisablehook = _stop_after
    try:
        try:
            app()
        except Exception as error:
            # An extension that is being imported makes an error of its own out of a stop.
            if _stopped is not None:
                raise SystemExit(_stopped) from None
            # So Python says that there is no memory for its stack.
            if str(error) == "can't start new thread":
                raise MemoryError("no memory for a thread") from None
            raise
    except SystemExit as stop:
        if stop.code == Exit.INTERRUPTED:
            typer.echo("interrupted", err=True)
        # typer makes it a failure.
        if isinstance(stop.__context__, BrokenPipeError):
            stop.code = Exit.CLOSED_PIPE
        raise
    except BrokenPipeError:
        os._exit(Exit.CLOSED_PIPE)
    except (OSError, MemoryError, ImportError) as error:
        # A full disk behind stdout, or no memory for a library, or what is no single model's.
        with contextlib.suppress(OSError):
            typer.echo(f"error: {explain(error, None)}", err=True)
        os._exit(Exit.FAILED)
    finally:
        # The work is done; what comes now could only disturb the way out.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        # Nor need a last collection look through all that was imported.
        gc.freeze()
