"""Texts that tell two encoders apart: every kind of thing that tokenizers are known to disagree about."""

from __future__ import annotations

PROBES: tuple[str, ...] = (
    "",
    " ",
    "\n",
    "a",
    "The ship's crew didn't say they'd sail; we'll see, I'm sure. THEY'RE LATE, IT'S 5 o'clock.",
    "  two spaces,   three,\ttab,\t\t two tabs \n\n newline\r\n carriage \r alone   ",
    " " * 90 + "x" + "\n" * 20 + "y \n \n z" + "\u00a0\u3000\u2028\u0085 wide",
    "0 12 345 6789 1234567890 3.14159 1,000,000 ½ Ⅷ ٣٤٥ १२३ 四五",
    "naïve Größe façade Ångström e\u0301 a\u0308o\u0308 n\u0303 \u0301 q\u0307\u0323 ﬁ ℌ Ⅳ ㎏",
    "Ağaçların gölgesinde ıhlamur; İSTANBUL'da ŞİİR",
    "Съешь ещё этих булок. Θάλασσα και ουρανός. שלום עולם מְנֻקָּד. مرحبًا بالعالم، كيف الحال؟",
    "नमस्ते दुनिया क्षत्रिय हिन्दी। வணக்கம் உலகம். నమస్కారం ಕನ್ನಡ മലയാളം",
    "বাংলা ສະບາຍດີ สวัสดีชาวโลก မင်္ဂလာပါ",
    "今天天气很好，我们去公园散步。東京は日本の首都です。カタカナとひらがな。안녕하세요 세계! ᄒ\u1161\u11ab",
    "👍🏽 👩‍👩‍👧‍👦 🇹🇷🇯🇵 ☃️ 🧑🏿‍🚀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𓀀𓂀 \U0010ffff",
    "\x00\x01\x02\x7f\x1b[31m \u200b\u200c\u200d\u200e\ufeff \ufffd",
    "def f(x: int) -> str:\n    return f'{x!r}'  # note\n\n\tif a != b && c || d: x += 1; y <<= 2 /* no */ //\n",
    'https://example.org/path?q=1&r=%20#top me@example.org C:\\temp\\file.txt <a href="x">y</a>',
    "camelCaseWord SCREAMING_SNAKE kebab-case iPhone McDonald's XMLHttpRequest ʼtis ’s 'S 'Ll 'ſ K'RE",
    "!!!???...---===***///\\\\\\|||~~~^^^```$$$%%%&&&@@@###((()))[[[]]]{{{}}}<<<>>>",
    "Donaudampfschifffahrtsgesellschaftskapitän" * 4 + " supercalifragilistic",
    "ab" * 400 + " " + "字" * 200,
)
