"""Speech from espeak-ng and flite through ctypes, with the phonemes and when each ends.

`open_synthesisers(BUNDLE)` loads the shared libraries of a folder made by `make_bundle.sh` (lib/, data/espeak-ng-data). One process, one thread.
"""
import ctypes as c
import os
import numpy as np

ESPEAK_RATE, PHONEME_EVENT, END_EVENT = 22050, 7, 0
FLITE_VOICES = ("awb", "kal16", "rms", "slt")
LANGUAGES = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc", "en-029")
VARIANTS = ("f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 klatt klatt2 klatt3 klatt4 klatt5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Jacky Lee "
            "Marco Mario Michael Mike Storm Tweaky adam anika antonio aunty belinda benjamin boris caleb david ed edward edward2 grandma grandpa gustave "
            "iven iven2 iven3 john linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph steph2 steph3 travis "
            "victor zac").split()


class Event(c.Structure):
    _fields_ = [("type", c.c_int), ("unique", c.c_uint), ("text_position", c.c_int), ("length", c.c_int), ("audio_position", c.c_int),
                ("sample", c.c_int), ("user", c.c_void_p), ("id", c.c_char * 8)]


class Wave(c.Structure):
    _fields_ = [("type", c.c_char_p), ("rate", c.c_int), ("samples", c.c_int), ("channels", c.c_int), ("data", c.POINTER(c.c_short))]


class Voice(c.Structure):
    _fields_ = [("name", c.c_char_p), ("features", c.c_void_p)]


class Synthesisers:
    def __init__(self, bundle):
        names = "libasound.so.2 libpcaudio.so.0 libsonic.so.0 libespeak-ng.so.1 libflite.so.1 libflite_usenglish.so.1 libflite_cmulex.so.1".split()
        lib = {n: c.CDLL(f"{bundle}/lib/{n}", mode=c.RTLD_GLOBAL) for n in names}
        self.open_espeak(lib["libespeak-ng.so.1"], f"{bundle}/data")
        self.open_flite(lib["libflite.so.1"], bundle)

    def open_espeak(self, e, data):
        if e.espeak_Initialize(2, 400, data.encode(), 1) != ESPEAK_RATE:  # synchronous, with phoneme events
            raise RuntimeError("espeak-ng did not start; is data/espeak-ng-data there?")
        self.espeak, self.pieces, self.phones = e, [], []
        kind = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_short), c.c_int, c.POINTER(Event))
        self.callback = kind(self.take)
        e.espeak_SetSynthCallback(self.callback)

    def take(self, wave, count, events):
        if wave and count:
            self.pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != END_EVENT:
            if events[i].type == PHONEME_EVENT:
                self.phones.append((events[i].id.decode("utf8", "replace"), events[i].audio_position / 1000))
            i += 1
        return 0

    def open_flite(self, f, bundle):
        f.flite_synth_text.restype = f.utt_wave.restype = f.utt_relation.restype = f.relation_head.restype = f.item_next.restype = c.c_void_p
        f.item_feat_string.restype, f.item_feat_float.restype = c.c_char_p, c.c_float
        f.get_param_float.restype = c.c_float
        f.flite_init()
        self.flite, self.voices = f, {}
        for name in FLITE_VOICES:
            lib = c.CDLL(f"{bundle}/lib/libflite_cmu_us_{name}.so.1", mode=c.RTLD_GLOBAL)
            register = getattr(lib, f"register_cmu_us_{name}")
            register.restype = c.c_void_p
            self.voices[name] = register(None)

    def say_espeak(self, text, voice, rate=175, pitch=50, range_=50):
        """voice: language+variant. Gives (int16 samples, rate, [(phoneme, end in s)])."""
        e = self.espeak
        if e.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((1, rate), (3, pitch), (4, range_)):
            e.espeak_SetParameter(parameter, int(value), 0)
        self.pieces, self.phones = [], []
        raw = text.encode()
        e.espeak_Synth(raw, c.c_size_t(len(raw) + 1), 0, 1, 0, 1, None, None)
        samples = np.concatenate(self.pieces) if self.pieces else np.zeros(0, np.int16)
        starts = [t for _, t in self.phones[1:]] + [len(samples) / ESPEAK_RATE]
        return samples, ESPEAK_RATE, [(name, end) for (name, _), end in zip(self.phones, starts)]

    def say_flite(self, text, voice, stretch=1.0, pitch=None, liveliness=None):
        """pitch, liveliness: mean and deviation in Hz; None leaves what was set before. Gives (int16 samples, rate, [(phoneme, end in s)])."""
        f, v = self.flite, self.voices[voice]
        features = c.cast(v, c.POINTER(Voice)).contents.features
        f.feat_set_float(c.c_void_p(features), b"duration_stretch", c.c_float(stretch))
        for name, value in ((b"int_f0_target_mean", pitch), (b"int_f0_target_stddev", liveliness)):
            if value:
                f.feat_set_float(c.c_void_p(features), name, c.c_float(value))
        utterance = c.c_void_p(f.flite_synth_text(text.encode(), c.c_void_p(v)))
        wave = c.cast(f.utt_wave(utterance), c.POINTER(Wave)).contents
        samples, rate = np.ctypeslib.as_array(wave.data, (wave.samples,)).copy(), wave.rate
        phones, relation = [], f.utt_relation(utterance, b"Segment")
        item = f.relation_head(c.c_void_p(relation))
        while item:
            at = c.c_void_p(item)
            phones.append((f.item_feat_string(at, b"name").decode(), f.item_feat_float(at, b"end")))
            item = f.item_next(at)
        f.delete_utterance(utterance)
        return samples, rate, phones


def open_synthesisers(bundle):
    return Synthesisers(os.path.abspath(bundle))
