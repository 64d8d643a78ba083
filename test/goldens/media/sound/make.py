"""The golden chirp in containers and codecs that Chromium reads and does not write.

    python make.py        (needs ffmpeg 9 with libmp3lame, libopus and libvorbis; writes beside itself)
"""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
CHIRP = HERE.parent.parent / "inputs" / "audio" / "chirp.wav"

FILES = {
    "lame.mp3": ["-c:a", "libmp3lame", "-b:a", "32k"],
    "untagged.mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-write_xing", "0", "-id3v2_version", "0"],
    "aac.m4a": ["-c:a", "aac", "-b:a", "32k"],
    "aac.mkv": ["-c:a", "aac", "-b:a", "32k"],
    "aac.aac": ["-c:a", "aac", "-b:a", "32k"],
    "vorbis.ogg": ["-c:a", "libvorbis", "-q:a", "2"],
    "vorbis.webm": ["-c:a", "libvorbis", "-q:a", "2"],
    "opus.webm": ["-c:a", "libopus", "-b:a", "24k"],
    "opus.mp4": ["-c:a", "libopus", "-b:a", "24k"],
    "flac.flac": ["-c:a", "flac"],
    "alac.m4a": ["-t", "0.05", "-c:a", "alac"],
}

for name, options in FILES.items():
    quiet = ["ffmpeg", "-y", "-loglevel", "error", "-i", CHIRP, "-bitexact"]
    subprocess.run([*quiet, *options, HERE / name], check=True)
