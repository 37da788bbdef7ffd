"""The texts that health checks encode: 78 probes of our own, by what they try, and a sentence for each script."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ASCII = (
    "hello", "The quick brown fox.", "don't they'll WE'RE I'd", "a,b;c:d", "(x) [y] {z}", "<tag attr=\"v\">", "100%",
    "3.14159", "1,234,567", "2026-11-27T09:30:00Z", "user@example.org", "https://example.org/a?b=c&d=e#f",
    "snake_case_name", "camelCaseName", "SHOUTING_CONSTANT", "x = y + 1", "if (a && b || !c) { d++; }",
    "for i in range(10): print(i)", "SELECT * FROM t WHERE a <> 'b'",
    "\\frac{a}{b} \\sum_{i=0}^n",
    "C:\\temp\\file.txt", "a/b/c.tar.gz", "***bold*** _it_ `code`", "{\"k\": [1, 2.5, null, true]}", "!?!?...---",
    "$5.00 & #1 ~ ^ | `",
)  # fmt: skip
SCRIPTS = (
    "naïve façade Größe", "Ağaç ıhlamur İzmir ŞİŞ", "Đường phố đẹp lắm", "žluťoučký kůň", "zażółć gęślą jaźń",
    "Привет, мир! Ёлка", "Καλημέρα κόσμε", "Բարեւ աշխարհ", "გამარჯობა", "שלום עולם", "مرحبا بالعالم", "سلام دنیا",
    "नमस्ते दुनिया", "বাংলা ভাষা", "தமிழ் மொழி", "తెలుగు భాష", "ಕನ್ನಡ", "മലയാളം", "ภาษาไทย", "ភាសាខ្មែរ", "မြန်မာ",
    "አማርኛ", "中文文本，标点。", "日本語のテキスト、カタカナ", "한국어 텍스트",
)  # fmt: skip
NORMAL_FORMS = (
    "e\u0301 a\u0308 n\u0303", "ﬁ ﬂ Ⅳ ㎏", "Ångström \u212b", "\u1112\u1161\u11ab", "q\u0307\u0323", "① ½ x²",
    "ｆｕｌｌｗｉｄｔｈ",
)  # fmt: skip
EMOJI_AND_CONTROL = (
    "👍", "👍🏽", "👩‍👩‍👧‍👦", "🇹🇷🇯🇵", "☃️", "𝔘𝔫𝔦", "𓀀", "\u200b\u200d\u2060", "\ufeffx", "a\x00b", "a\x07b\x1b[0m",
)  # fmt: skip
WHITE_SPACE = ("a b", "a  b", "a   b", "  a", "a  ", "a\tb", "\t\ta", "a\nb", "a\n\nb\n")
MORE_WHITE_SPACE = (
    "a\r\nb",
    "a \n b",
    "    x\n\ty\n        z",
    "a\u00a0b\u3000c",
    "\n\n\n",
    "  ",
    "\t",
    " a b ",
)
"""Checked for white space only; the 78 are the tuples above."""

PROBES = (*ASCII, *SCRIPTS, *NORMAL_FORMS, *EMOJI_AND_CONTROL, *WHITE_SPACE)

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "Latin": "The river was quiet in the morning, and the boats had not left yet.",
        "Cyrillic": "Утром река была тихой, и лодки ещё не ушли.",
        "Greek": "Το πρωί το ποτάμι ήταν ήσυχο και οι βάρκες δεν είχαν φύγει ακόμη.",
        "Armenian": "Առավոտյան գետը հանգիստ էր։",
        "Georgian": "დილით მდინარე წყნარი იყო.",
        "Hebrew": "בבוקר הנהר היה שקט והסירות עוד לא יצאו.",
        "Arabic": "كان النهر هادئا في الصباح ولم تغادر القوارب بعد.",
        "Devanagari": "सुबह नदी शांत थी और नावें अभी नहीं निकली थीं।",
        "Bengali": "সকালে নদী শান্ত ছিল, নৌকা তখনও ছাড়েনি।",
        "Tamil": "காலையில் ஆறு அமைதியாக இருந்தது.",
        "Telugu": "ఉదయం నది ప్రశాంతంగా ఉంది.",
        "Thai": "ตอนเช้าแม่น้ำเงียบสงบ เรือยังไม่ออก",
        "Khmer": "ពេលព្រឹកទន្លេស្ងប់ស្ងាត់។",
        "Ethiopic": "ጠዋት ወንዙ ጸጥ ያለ ነበር።",
        "Han": "早晨的河水很平静，船还没有出发。",
        "Kana": "あさのかわはしずかで、ふねはまだでていない。",
        "Hangul": "아침의 강은 조용했고 배는 아직 떠나지 않았다.",
    }
)
"""One sentence for each script, for the share of unknown tokens."""

NUMBERS = tuple(
    str((10**n - 1) * k // 97 + 10 ** (n - 1))[:n]
    for n in range(1, 13)
    for k in (3, 17, 29, 41, 53, 67, 71, 83)
)
"""Numbers of 1 to 12 digits, eight of each length."""
