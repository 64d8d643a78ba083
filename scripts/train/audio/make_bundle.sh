#!/bin/sh
# Gathers the synthesisers from Debian's packages into one folder: sh make_bundle.sh BUNDLE
# Needs apt-get, dpkg and gcc. libasound and libpcaudio, which would play sound, are replaced by empty ones.
set -e
bundle=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
cd "$work"
apt-get download -q espeak-ng-data libespeak-ng1 libsonic0 libflite1
for package in *.deb; do dpkg -x "$package" root; done
from=root/usr/lib/x86_64-linux-gnu
mkdir -p "$bundle/lib" "$bundle/data/espeak-ng-data/lang" "$bundle/data/espeak-ng-data/voices"
for lib in libespeak-ng libsonic libflite libflite_usenglish libflite_cmulex libflite_cmu_us_awb libflite_cmu_us_kal16 libflite_cmu_us_rms libflite_cmu_us_slt; do
  for file in $from/$lib.so.[01]; do cp -L "$file" "$bundle/lib/"; done
done
cp -r "$from/espeak-ng-data/lang/gmw" "$bundle/data/espeak-ng-data/lang/"
cp -r "$from/espeak-ng-data/voices/!v" "$bundle/data/espeak-ng-data/voices/"
for file in en_dict intonations phondata phonindex phontab; do cp "$from/espeak-ng-data/$file" "$bundle/data/espeak-ng-data/"; done
objdump -T $from/libflite.so.1 | sed -n 's/.*(\(ALSA[^)]*\)) *\(snd_[a-z_]*\).*/\1 \2/p' | sort -u >alsa
sed 's/.* \(.*\)/int \1() { return -1; }/' alsa >asound.c
awk '{ v[$1] = v[$1] " " $2 ";" } END { for (k in v) printf "%s { global:%s };\n", k, v[k] }' alsa >asound.map
gcc -shared -fPIC -Wl,-soname,libasound.so.2 -Wl,--version-script=asound.map -o "$bundle/lib/libasound.so.2" asound.c
objdump -T $from/libespeak-ng.so.1 | sed -n 's/.*UND.* \(\(create_\)*audio_[a-z_]*\)$/void *\1() { return 0; }/p' >pcaudio.c
gcc -shared -fPIC -Wl,-soname,libpcaudio.so.0 -o "$bundle/lib/libpcaudio.so.0" pcaudio.c
rm -r "$work"
