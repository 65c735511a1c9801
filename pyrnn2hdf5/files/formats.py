"""What a file is that is no model, told by its first bytes, and which model an archive holds."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from typing import IO, Final

from ..errors import SourceError
from ..text import visible
from .paths import SOURCE_NAME

ZIP: Final = "a zip archive"
UNPACK: Final = "unpack it first"
"""How the words end about what holds a model, or may hold one."""

OTHER_FORMATS: Final = (
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"II\*\0|MM\0\*", "a TIFF image"),
    (rb"%PDF-", "a PDF document"),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", ZIP),
    (rb"7z\xbc\xaf\x27\x1c", f"a 7z archive: if it holds models, {UNPACK}"),
    (rb"Rar!\x1a\x07", f"a rar archive: if it holds models, {UNPACK}"),
    (rb"\x28\xb5\x2f\xfd", f"zstd data: if it is a model, {UNPACK}"),
    (rb"\x04\x22\x4d\x18", f"lz4 data: if it is a model, {UNPACK}"),
    (rb"\x1f\x9d", f"data packed by compress (.Z): if it is a model, {UNPACK}"),
    # U+FFFD, or the character of Latin 1, in place of the byte that begins gzip data or a pickle.
    (
        rb"\x1f(\xef\xbf\xbd|\xc2\x8b)|(\xef\xbf\xbd|\xc2\x80)[\x02-\x05]",
        "data that was taken for text on its way: fetch the file again in binary mode",
    ),
    (rb"version https://git-lfs", "a git-lfs pointer: fetch the file itself with `git lfs pull`"),
    (rb"\s*<(?i:!doctype|html)", "an HTML page"),
    (rb"\s*<\?(?i:xml)", "an XML document"),
    # What `torch.save` wrote before it wrote zip archives: a number of its own in a pickle.
    (rb"\x80[\x02-\x05](?:\x95.{8})?\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19|L119547037146038801333356L", "a PyTorch file"),
    (rb"\xd6\xfd\xb2\x7e|\x5c\xf3\xb2\x7e", "an OpenFST file, such as a language model of OCRopus 0.4"),
    (rb"<object>\n\w+\n|OBJ:\w+\n|linere?c2?[\w<\n]", "a classifier of OCRopus 0.4, which is no LSTM"),
    (rb"\n\npyrnn-bidi", f"a pronn: if it is packed, {UNPACK}"),
    # The first fields of clstm's NetworkProto: kind, a name of so many letters; then name or ninput.
    (
        b"|".join(b"\n%s\\w{%d}[\x12P]" % (re.escape(bytes([length])), length) for length in range(1, 32)),
        "a clstm network: another architecture, without peepholes",
    ),
    # Of ONNX's ModelProto: ir_version, then producer_name.
    (rb"\x08[\x01-\x7f]\x12\npyrnn2hdf5", f"an ONNX model: if it is packed, {UNPACK}"),
    (
        rb"\x08[\x01-\x7f]\x12[\x01-\x7f][A-Za-z]",
        "an ONNX model that pyrnn2hdf5 did not write, and it reads no other: take the model that this was made from",
    ),
    # Of Core ML's Model: specificationVersion, then description.
    (rb"\x08[\x01-\x7f]\x12", "a Core ML model, as kraken 1.0 and later write them"),
    (rb'.{5}\0\0\0\{"', "a safetensors file, as kraken of today writes them"),
)
"""Beginnings of files of other kinds."""

ANNEX: Final = re.compile(r"(\.\./)*(\.git|/)/?annex/objects/")
BASE64: Final = re.compile(r"(H4sI|QlpoOT|/Td6WFoA|gA[IJQU])[A-Za-z0-9+/=\s]+")
"""The beginnings of gzip, bzip2 and xz data, and of binary pickles, in Base64."""

SHOWN_CHARACTERS: Final = 40
"""Most characters of a text that are shown."""

MAX_TAIL: Final = 2**20
"""Most bytes of a zip archive, from its end, that are looked at for the names of its members."""

MAX_MEMBERS: Final = 1000
MAX_SKIPPED: Final = 16 * 2**20
"""Most members of a tar archive that are looked at, and most bytes that are read of it."""

TAR_BLOCK: Final = 512
"""Bytes that a tar archive is made of, and its headers take."""


def describe(head: bytes, stream: IO[bytes], file: IO[bytes] | None, packing: str | None, most: int) -> str | None:
    """What begins with `head`, in words; None where that is not known.

    `stream` is at its beginning, unpacked; `file` is the same where nothing packs it, and can seek.
    Of a tar archive `most` bytes are read.
    """
    if _is_tar_header(head[:TAR_BLOCK]):
        packed = f" packed by {packing}" if packing else ""
        model = None
        with contextlib.suppress(SourceError):
            model = _model_in_tar(stream, most)
        return f"a tar archive{packed}" + _holding(model)
    name = next((name for beginning, name in OTHER_FORMATS if re.match(beginning, head, re.DOTALL)), None)
    return _describe_zip(file) if name == ZIP and file else name


def describe_text(beginning: bytes) -> str | None:
    """A text of which this is the beginning, in words that show the first of it; None for what is no text."""
    text = _decoded(beginning)
    if text is None or not text.strip():
        return None
    shown = f"'{visible(text.strip()[:SHOWN_CHARACTERS])}'"
    if ANNEX.match(text):
        return f"a git-annex pointer, {shown}: fetch the file itself with `git annex get`"
    if BASE64.fullmatch(text):
        return f"a file in Base64 that begins with {shown}: decode it first"
    return f"text that begins with {shown}"


def _decoded(data: bytes) -> str | None:
    encodings = ["utf-8-sig", "cp1252"]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif sum(byte < 0x80 for byte in data) < len(data) * 3 / 4:
        encodings.pop()
    for encoding in encodings:
        try:
            # Incremental, for a character may be cut off at the end.
            text = codecs.getincrementaldecoder(encoding)().decode(data)
        except UnicodeDecodeError:
            continue
        if all(char.isprintable() or char in "\t\n\f\r\u3000\xa0" for char in text):
            return text
    return None


def _describe_zip(file: IO[bytes]) -> str:
    """A zip archive in words: what wrote it, or which model it holds."""
    # Imported when an archive is met.
    import zipfile

    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - MAX_TAIL, 0))
    try:
        # The names stand at the end, and there only offsets lead elsewhere.
        names = zipfile.ZipFile(io.BytesIO(file.read(MAX_TAIL))).namelist()
    except Exception:
        names = []
    if any(name.endswith("/data.pkl") for name in names):
        return "a PyTorch file"
    if any(name.endswith(".npy") for name in names):
        return "a NumPy archive"
    return ZIP + _holding(next(filter(_is_model, names), None))


def _model_in_tar(stream: IO[bytes], most: int) -> str | None:
    """The name of the first model in a tar archive, as far as it is looked at."""
    left = most
    for _ in range(MAX_MEMBERS):
        header = stream.read(TAR_BLOCK)
        if not _is_tar_header(header):
            break
        # What old and new programs have in common: a name and, where POSIX is followed, what comes before it.
        parts = [header[:100]] if header[257:263] != b"ustar\0" else [header[345:500], header[:100]]
        name = "/".join(part.split(b"\0")[0].decode("utf-8", "backslashreplace") for part in parts if part[:1] != b"\0")
        if _is_model(name):
            return name
        size = header[124:136].strip(b" \0")
        # A size that is not in octal digits is one of gigabytes.
        blocks = -(-int(size, 8) // TAR_BLOCK) if re.fullmatch(rb"[0-7]+", size) else most
        left -= TAR_BLOCK * (blocks + 1)
        if left < 0:
            break
        stream.read(TAR_BLOCK * blocks)
    return None


def _is_tar_header(block: bytes) -> bool:
    checksum = block[148:156].strip(b" \0")
    if len(block) < TAR_BLOCK or not re.fullmatch(rb"[0-7]+", checksum):
        return False
    return int(checksum, 8) == sum(block) - sum(block[148:156]) + 8 * ord(" ")


def _is_model(name: str) -> bool:
    # What a Mac adds beside each file is named `._` and as the file.
    return bool(SOURCE_NAME.search(name)) and not name.rpartition("/")[2].startswith("._")


def _holding(name: str | None) -> str:
    return f" that holds {visible(name[-200:])}: {UNPACK}" if name else ""
