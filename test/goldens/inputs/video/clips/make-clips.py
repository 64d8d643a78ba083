"""Makes the clips of this folder: python3 make-clips.py [folder]. Needs ffmpeg with libx264, libvpx, libopus and libtheora."""
import struct
import subprocess
import sys
from pathlib import Path

WIDTH, HEIGHT, RATE = 128, 64, 10


def frame(number: int) -> bytes:
    """A picture with its number in eight bars, the highest bit first, white for 1; the upper left corner is grey."""
    rows = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            corner = y < HEIGHT // 4 and x < WIDTH // 16
            rows.append(128 if corner else 255 if number >> (7 - 8 * x // WIDTH) & 1 else 0)
    return bytes(rows)


def ffmpeg(options: str, out: Path, frames: int = 0, source: Path | None = None, before: str = "") -> None:
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "-"]
    given = ["-i", str(source)] if source else raw
    command = ["ffmpeg", "-loglevel", "error", "-y", *before.split(), *given, *options.split(), "-flags", "+bitexact", "-fflags", "+bitexact"]
    subprocess.run([*command, str(out)], input=b"".join(frame(i) for i in range(frames)), check=True)


H264 = "-c:v libx264 -pix_fmt yuv420p -preset slow -crf 30 -g 12 -bf 3 -b_strategy 0 -x264-params scenecut=0:open-gop=1"


def main(out: Path) -> None:
    clip = out / "b-frames.mp4"
    ffmpeg(H264, clip, 30)
    for name in ("b-frames.mov", "b-frames.mkv", "b-frames.mpegts"):
        container = " -f mpegts" if name.endswith("ts") else ""
        ffmpeg(f"-c copy{container}", out / name, source=clip)
    ffmpeg("-c copy -movflags frag_keyframe+empty_moov", out / "fragments.mp4", source=clip)
    ffmpeg("-c copy", out / "edit-list.mp4", source=clip, before="-ss 0.75")
    ffmpeg("-c copy", out / "late-start.mp4", source=clip, before="-itsoffset 0.5")
    ffmpeg("-c copy -metadata:s:v:0 rotate=90", out / "rotated.mp4", source=clip)
    # The edit list's only stretch made 1 s long.
    trimmed = bytearray((out / "edit-list.mp4").read_bytes())
    at = trimmed.index(b"elst") + 12
    trimmed[at : at + 4] = struct.pack(">I", 1000)
    (out / "trimmed-end.mp4").write_bytes(trimmed)
    # Another stretch behind it: the boxes around the list, the last in the file, grow by its 12 bytes.
    several = bytearray(trimmed)
    several[at + 12 : at + 12] = struct.pack(">IiI", 500, 0, 65536)
    several[at - 4 : at] = struct.pack(">I", 2)
    for box in (b"moov", b"trak", b"edts", b"elst"):
        start = several.index(box) - 4
        several[start : start + 4] = struct.pack(">I", struct.unpack(">I", several[start : start + 4])[0] + 12)
    (out / "two-stretches.mp4").write_bytes(several)
    ffmpeg(f"-vf setpts=if(lt(N\\,10)\\,N\\,10+4*(N-10))/10/TB -vsync vfr {H264}", out / "variable-rate.mp4", 16)
    ffmpeg("-c:v libvpx-vp9 -crf 50 -b:v 0 -g 12 -pix_fmt yuv420p -live 1", out / "live.webm", 30)
    ffmpeg("-f lavfi -t 6 -i anullsrc=r=8000:cl=mono -c:v copy -c:a libopus -b:a 8k", out / "long-sound.mkv", source=clip)
    ffmpeg("-c:v libx264 -pix_fmt yuv444p -crf 40", out / "h264-444.mp4", 4)
    ffmpeg("-c:v libx264 -pix_fmt yuv420p10le -crf 40", out / "h264-10bit.mp4", 4)
    ffmpeg("-c:v mpeg4 -q:v 9", out / "mpeg4.mp4", 4)
    ffmpeg("-c:v mpeg4 -q:v 9", out / "mpeg4.avi", 4)
    ffmpeg("-c:v prores_ks -profile:v 0", out / "prores.mov", 2)
    ffmpeg("-c:v mjpeg -pix_fmt yuvj420p -q:v 20", out / "mjpeg.mov", 4)
    ffmpeg("-c:v libtheora -q:v 3", out / "theora.ogv", 4)
    ffmpeg("-c:v flv -q:v 9", out / "sorenson.flv", 4)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))
