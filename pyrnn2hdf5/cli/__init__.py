"""The command line: options, exit codes, streams. The only package that prints or exits.

Results go to stdout, everything else to stderr. A module a command; NumPy and h5py are imported
inside the commands, so that `--help` and completion do not wait for them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from .. import __version__, render
from .common import Exit
from .convert import convert
from .show import show
from .verify import verify

app = typer.Typer(
    name="pyrnn2hdf5",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Convert OCRopus and kraken pyrnn models to HDF5: safely, exactly, verified.",
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


app.command()(convert)
app.command()(verify)
app.command()(show)


def _stop(number: int, frame: object) -> NoReturn:
    # Raised, not ended, so that temporary files go.
    raise SystemExit(Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED)


def _stop_now(unraisable: sys.UnraisableHookArgs) -> None:
    """A stop that came inside a callback of the interpreter cannot be raised any further."""
    if isinstance(unraisable.exc_value, SystemExit):
        os._exit(Exit.INTERRUPTED)
    sys.__unraisablehook__(unraisable)


def main() -> None:
    """Run the command line."""
    # The products of one step are too small to share: threads of BLAS would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    sys.unraisablehook = _stop_now
    try:
        app()
    except SystemExit as stop:
        if stop.code == Exit.INTERRUPTED:
            typer.echo("interrupted", err=True)
        raise
    except OSError as error:
        # A full disk or a closed pipe behind stdout.
        with contextlib.suppress(OSError):
            typer.echo(f"error: {render.visible(render.reason(None, error))}", err=True)
        os._exit(Exit.FAILED)
    finally:
        # The work is done; what comes now could only disturb the way out.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
