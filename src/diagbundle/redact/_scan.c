/* The scanner in C: all literals of all patterns in one pass over a block. `scan.py` says what counts as an anchor; its class `Twin` is the
   same in Python, and both give the same anchors for every input.

   Only every second place of the input is looked at: each literal waits at two windows of four bytes, one for each of the parities at which
   it may begin. What stands beside a short literal in its window is any byte. The two middle bytes of a window are its cell, by six bits of
   each, which do not know the case of letters. At each place one bit is looked up, by the cell, one bit of the first byte and five bits of
   the last one; three more bits at the few places where it is set, and only where all are, too, literals are compared. All places of a chunk
   take each of these steps before one takes the next, so that the processor need not guess what comes: a wrong guess costs as much as
   eight places. Windows are chosen so that logs have few of them. Literals of one byte are left to memchr. Cards and IBANs have no text:
   they are found in bit masks of digits and capitals. Nothing is allocated but the list of anchors, and no byte outside `b[0 .. n-1]` is
   read. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#include "processor.h"
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- Bytes */

enum { DIGIT = 1, UPPER = 2, HEX = 4, WORD = 8, NAME = 16, RUN = 32, STOP = 64, ALNUM = 128 };
enum { ALNUM_ = WORD | NAME | RUN, BOTH = ALNUM_ | ALNUM };

static const u8 CLASS[256] = {
    ['0' ... '9'] = BOTH | DIGIT | HEX, ['A' ... 'F'] = BOTH | UPPER | HEX, ['G' ... 'Z'] = BOTH | UPPER,
    ['a' ... 'f'] = BOTH | HEX, ['g' ... 'z'] = BOTH, ['_'] = ALNUM_, ['.'] = NAME | RUN, ['-'] = NAME | RUN,
    ['~'] = RUN, ['%'] = RUN, ['+'] = RUN, ['/'] = RUN, ['='] = RUN, [0x80 ... 0xff] = NAME,
    [0 ... 0x20] = STOP, ['"'] = STOP, ['\''] = STOP, ['<'] = STOP, ['>'] = STOP,
};

static inline int is(u8 c, int classes) { return CLASS[c] & classes; }
static inline u8 lower(u8 c) { return (u8)((u8)(c - 'A') < 26 ? c | 32 : c); }
static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Whether a word (in lower case) begins at `p`, in any case. */
static int begins(const u8 *b, size_t n, size_t p, const char *word) {
    for (; *word; word++, p++)
        if (p >= n || lower(b[p]) != (u8)*word) return 0;
    return 1;
}

/* Length of the one of the words that begins at `p`, or 0. The list ends with NULL. */
static size_t one_of(const u8 *b, size_t n, size_t p, const char *const *words) {
    for (; *words; words++)
        if (begins(b, n, p, *words)) return strlen(*words);
    return 0;
}

/* ---- Literals */

enum { ALWAYS, KEY, MAIL, LOGIN, ESCAPED_LOGIN };

typedef struct {
    u32 text, size;      /* where in the pool */
    u32 next, next_size; /* and the bytes one of which must follow */
    u32 index, run;
    u8 fold, guard, edge, plain;
} Literal;

/* A window of a literal, in a cell. */
typedef struct {
    u32 key, mask; /* see `key_at`; only of bytes that are the literal's */
    u32 literal;
    int16_t offset; /* in the literal; less than 0: it begins before it */
    u16 cell;
} Node;

enum { CELLS = 1 << 12, SPOTS = 2 * CELLS, LONGEST = 4096, CHUNK = 4096, BLOCK = 64 };

typedef struct {
    PyObject_HEAD
    u32 spots[SPOTS];              /* by a cell and the lowest bit of the first byte: a bit for each five bits of the last one */
    u32 first[CELLS], last[CELLS]; /* by a cell: a bit for each five bits that the first byte of a window may have, and the last one */
    u64 ends[CELLS];               /* by a cell: a bit for each three bits of the first byte with each three bits of the last one */
    u32 nodes_from[CELLS + 1];     /* where the windows of a cell begin among all, which are in order of their cells */
    Literal *literals;
    Node *nodes;
    u8 *pool;
    u32 count, nodes_count, pool_size;
    u32 *singles;          /* the literals of one byte */
    u32 *cards, *ibans;    /* indices of the literals of these shapes */
    u32 singles_count, cards_count, ibans_count;
    int fast;              /* whether the processor can do what `find_places_fast` needs */
    struct Counts *counts; /* while windows are chosen */
} Scanner;

typedef struct {
    size_t at;
    u32 index;
} Event;

typedef struct {
    Event *events;
    size_t count, room;
    int unsorted;
    size_t free_from, free_to; /* bytes known to hold neither `@` nor an end of a URL: keeps `://://://` linear */
} Found;

enum { NEAR = 64 };

/* Adds an anchor in its place; anchors come nearly in order. 0, or -1 where there is no memory. */
static int add(Found *f, size_t at, u32 index) {
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 256;
        Event *events = PyMem_Realloc(f->events, room * sizeof *events);
        if (!events) return -1;
        f->events = events;
        f->room = room;
    }
    size_t i = f->count++, stop = i > NEAR ? i - NEAR : 0;
    Event *e = f->events;
    while (i > stop && (e[i - 1].at > at || (e[i - 1].at == at && e[i - 1].index > index))) {
        e[i] = e[i - 1];
        i--;
    }
    e[i] = (Event){at, index};
    if (i == stop && stop) f->unsorted = 1;
    return 0;
}

static int compare(const void *a, const void *b) {
    const Event *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* ---- Guard: a key */

enum { NAME_MOST = 40, CLOSERS_MOST = 24, GAP_MOST = 40, LOGIN_MOST = 512, ESCAPES_MOST = 7 };
enum { NONE, CLOSING, BLANKS, QUOTE };

static const char *const QUOTES[] = {"&quot;", "&apos;", "&#34;", "&#39;", "%22", "%27", "\\u0022", "\\u0027", "\\x22", "\\x27", NULL};
static const char *const SEPARATORS[] = {"%3a", "%3d", "%3e", "&gt;", "&#58;", "&#61;", "&#62;", NULL};
static const char *const ESCAPED[] = {"u003a", "u003d", "u003e", "x3a", "x3d", "x3e", NULL};
static const char *const SAYING[] = {"is", "was", "to", "of", "set to", "reset to", "changed to", NULL};
static const char *const ENDED[] = {"</name>", "</key>", NULL};

/* What kind of closer stands at `p`, and how long it is. */
static int closer(const u8 *b, size_t n, size_t p, size_t *size) {
    *size = 1;
    switch (b[p]) {
        case ' ': case '\t': case 0: return BLANKS;
        case '"': case '\'': case '`': return QUOTE;
        case ']': case ')': return CLOSING;
        case '\\': case '&': case '%': break;
        default: return NONE;
    }
    if ((*size = one_of(b, n, p, QUOTES))) return QUOTE;
    if (begins(b, n, p, "%20")) return *size = 3, BLANKS;
    if (begins(b, n, p, "%5d")) return *size = 3, CLOSING;
    return *size = 1, b[p] == '\\' ? CLOSING : NONE;
}

/* A call with a quoted value: `(`, perhaps `b` `r` `u` and backslashes, and a quote. */
static int called(const u8 *b, size_t n, size_t p) {
    if (b[p++] != '(') return 0;
    for (int i = 0; i < 2 && p < n && b[p] && strchr("bru", lower(b[p])); i++, p++) {}
    for (int i = 0; i < ESCAPES_MOST && p < n && b[p] == '\\'; i++, p++) {}
    return p < n && (b[p] == '"' || b[p] == '\'');
}

static int is_gap(const u8 *b, size_t n, size_t p) { return p < n && (b[p] == ' ' || b[p] == '\t'); }

static int separates(const u8 *b, size_t n, size_t p) {
    switch (p < n ? b[p] : 0) {
        case '=': case ':': case '>': return 1;
        case '-': return p && is_gap(b, n, p - 1) && p + 1 < n && b[p + 1] == '>' && is_gap(b, n, p + 2);
        case '(': return called(b, n, p);
        case '%': case '&': return one_of(b, n, p, SEPARATORS) != 0;
        case 'u': case 'U': case 'x': case 'X': return p && b[p - 1] == '\\' && one_of(b, n, p, ESCAPED);
        default: return 0;
    }
}

static int says(const u8 *b, size_t n, size_t p) {
    size_t size = 0;
    for (const char *const *word = SAYING; *word && !size; word++)
        if (begins(b, n, p, *word)) size = strlen(*word);
    p += size;
    return size && p < n && (b[p] == ' ' || b[p] == '\t' || b[p] == ':' || b[p] == '=');
}

/* Name and value in two fields: the name's element ends, or `value` begins the next field. */
static int paired(const u8 *b, size_t n, size_t p) {
    if (p < n && b[p] == '<') return one_of(b, n, p, ENDED) != 0;
    for (size_t end = least(n, p + GAP_MOST); p < end && b[p] && strchr(",; \t\r\n\"'\\-", b[p]); p++) {}
    return begins(b, n, p, "value");
}

static size_t name_start(const u8 *b, size_t at) {
    size_t stop = at > NAME_MOST ? at - NAME_MOST : 0;
    while (at > stop && is(b[at - 1], NAME)) at--;
    return at;
}

/* The escaped newline or tab, as `\n` in JSON, at the beginning of what looked like a name. */
static int escape_before(const u8 *b, size_t start, size_t at) {
    return start && start < at && b[start - 1] == '\\' && (b[start] == 'n' || b[start] == 'r' || b[start] == 't');
}

static int in_tag(const u8 *b, size_t start) {
    if (start && b[start - 1] == ':') start = name_start(b, start - 1);
    return start && b[start - 1] == '<';
}

static int first_on_line(const u8 *b, size_t start) {
    size_t stop = start > GAP_MOST ? start - GAP_MOST : 0;
    while (start > stop && (b[start - 1] == ' ' || b[start - 1] == '\t')) start--;
    return !start || b[start - 1] == '\n' || b[start - 1] == '\r';
}

/* A flag, an element with attributes, or a directive: what counts though only blanks part it from its value. */
static int stands_alone(const u8 *b, size_t at, size_t end, int blank) {
    size_t start = name_start(b, at);
    int escape = escape_before(b, start, at);
    if (escape) start++;
    if (start < end && b[start] == '-') return 1;
    return blank && (escape || in_tag(b, start) || first_on_line(b, start));
}

/* Guard KEY of the literal `b[at .. end-1]`: see `scan.KEY`. */
static int is_key(const u8 *b, size_t n, size_t at, size_t end) {
    size_t p = end, size;
    int blank = 0, quoted = 0, kind;
    for (size_t stop = least(n, end + NAME_MOST); p < stop && is(b[p], NAME); p++) {}
    for (int i = 0; i < CLOSERS_MOST && p < n && (kind = closer(b, n, p, &size)) != NONE; i++, p += size) {
        quoted |= blank && kind == QUOTE;
        blank |= kind == BLANKS;
    }
    if (separates(b, n, p) || quoted || (blank && says(b, n, p)) || paired(b, n, p)) return 1;
    return (blank || (p < n && b[p] == ',')) && stands_alone(b, at, end, blank);
}

static size_t skip(const u8 *b, size_t n, size_t p, const char *these, size_t most) {
    for (size_t end = least(n, p + most); p < end && b[p] && strchr(these, b[p]); p++) {}
    return p;
}

/* Whether the value of the name `b[at .. p-1]` is a plain one: see `scan.PLAIN`. */
static int is_plain(const u8 *b, size_t n, size_t at, size_t p) {
    if (at && (is(b[at - 1], NAME | WORD) || b[at - 1] == '$')) return 0;
    p = skip(b, n, skip(b, n, p, "\\", 31), "\"'", 1);
    if (p >= n || (b[p] != '=' && b[p] != ':')) return 0;
    p = skip(b, n, p + 1, " ", 16);
    p = skip(b, n, skip(b, n, p, "\\", 31), "\"'`", 1);
    size_t start = p;
    for (size_t end = least(n, p + 64); p < end && (is(b[p], WORD) ? !is(b[p], DIGIT) : b[p] && strchr(".:/-", b[p])); p++) {}
    for (size_t end = least(n, p + 10); p < end && is(b[p], DIGIT); p++) {}
    if (p == start) return p < n && (b[p] == '"' || b[p] == '\'');
    return p >= n || (b[p] && strchr("\"'\\ \t\n\r\f\v,;&)]}", b[p]));
}

/* ---- Guards: a mail address, a URL with a login, a run */

static int is_mail(const u8 *b, size_t n, size_t at) {
    return at && b[at - 1] > ' ' && at + 1 < n && is(b[at + 1], WORD) && b[at + 1] != '_';
}

/* Whether an `@` follows before the URL ends. */
static int is_login(const u8 *b, size_t n, size_t p, Found *f) {
    size_t from = p, end = least(n, p + LOGIN_MOST);
    if (p >= f->free_from && p < f->free_to) p = f->free_to;
    while (p < end && !is(b[p], STOP) && b[p] != '@' && !(b[p] == '%' && begins(b, n, p, "%40"))) p++;
    f->free_from = from;
    f->free_to = p;
    return p < end && !is(b[p], STOP);
}

/* Behind `:`: two slashes with backslashes before them. The end of these, or 0. */
static size_t escaped_slashes(const u8 *b, size_t n, size_t p) {
    for (int slash = 0; slash < 2; slash++, p++) {
        for (size_t stop = least(n, p + ESCAPES_MOST); p < stop && b[p] == '\\'; p++) {}
        if (p >= n || b[p] != '/') return 0;
    }
    return p;
}

static int runs(const u8 *b, size_t n, size_t p, size_t length) {
    if (length > n - p) return 0;
    for (size_t end = p + length; p < end; p++)
        if (!is(b[p], RUN)) return 0;
    return 1;
}

/* ---- Shapes without a text */

/* Whether an escape ends before `p`: `\n`, `%3D`, `\u003d`, `\x3d`. */
static int escape_ends(const u8 *b, size_t p) {
    if (p >= 2 && b[p - 2] == '\\' && memchr("nrtbf", b[p - 1], 5)) return 1;
    if (p < 3 || !is(b[p - 1], HEX) || !is(b[p - 2], HEX)) return 0;
    if (b[p - 3] == '%' || (p >= 4 && b[p - 3] == 'x' && b[p - 4] == '\\')) return 1;
    return p >= 6 && is(b[p - 3], HEX) && is(b[p - 4], HEX) && b[p - 5] == 'u' && b[p - 6] == '\\';
}

static int edge(const u8 *b, size_t p) { return !p || !is(b[p - 1], WORD) || escape_ends(b, p); }

/* Guard EDGE: no letter or digit before `p`, but those of an escape do not count. See `scan.EDGE`. */
static int at_edge(const u8 *b, size_t p) {
    if (!p || !is(b[p - 1], ALNUM) || escape_ends(b, p)) return 1;
    u8 last = lower(b[p - 1]);
    if (p < 2) return 0;
    if (b[p - 2] == '\\' && memchr("nrtbfv0", last, 7)) return 1;
    if (last == 'm' && p >= 3 && is(b[p - 2], DIGIT) && (b[p - 3] == '[' || is(b[p - 3], DIGIT))) return 1;
    if (p >= 3 && b[p - 3] == '=' && is(b[p - 2], HEX) && is(b[p - 1], HEX)) return 1;
    if (p >= 4 && b[p - 4] == '#' && b[p - 3] == '0' && is(b[p - 2], DIGIT) && is(b[p - 1], DIGIT)) return 1;
    if (p >= 4 && lower(b[p - 3]) == 'x' && b[p - 4] == '\\') return is(b[p - 2], HEX) && is(b[p - 1], HEX);
    if (p < 6 || b[p - 6] != '\\' || lower(b[p - 5]) != 'u') return 0;
    return is(b[p - 4], HEX) && is(b[p - 3], HEX) && is(b[p - 2], HEX) && is(b[p - 1], HEX);
}

#define LENGTHS(from, to) ((2u << (to)) - (1u << (from)))
static const struct { u16 from, to; u32 lengths; } ISSUERS[] = {
    {2200, 2204, LENGTHS(16, 16)}, {2221, 2720, LENGTHS(16, 16)}, {3000, 3059, LENGTHS(14, 14)}, {3095, 3095, LENGTHS(14, 14)},
    {3400, 3499, LENGTHS(15, 15)}, {3528, 3589, LENGTHS(16, 19)}, {3600, 3699, LENGTHS(14, 14)}, {3700, 3799, LENGTHS(15, 15)},
    {3800, 3999, LENGTHS(14, 14)}, {4000, 4999, LENGTHS(13, 13) | LENGTHS(16, 16) | LENGTHS(19, 19)},
    {5000, 5999, LENGTHS(16, 16)}, {6011, 6011, LENGTHS(16, 19)}, {6200, 6299, LENGTHS(16, 19)}, {6440, 6599, LENGTHS(16, 19)},
};

static int issued(const u8 *digits, int count) {
    int head = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
    for (size_t i = 0; i < sizeof ISSUERS / sizeof *ISSUERS; i++)
        if (head >= ISSUERS[i].from && head <= ISSUERS[i].to) return ISSUERS[i].lengths >> count & 1;
    return 0;
}

static int luhn(const u8 *digits, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        int d = digits[i] << ((count - i) % 2 == 0);
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/* Appends the digits at `p` to `digits`, `room` at most; how many there were. */
static int take(const u8 *b, size_t n, size_t p, u8 *digits, int room) {
    int count = 0;
    for (; count < room && p < n && is(b[p], DIGIT); p++) digits[count++] = (u8)(b[p] - '0');
    return count;
}

/* The digits of 4-4-4-4 or 4-6-5; 0 where the groups are others. */
static int grouped(const u8 *b, size_t n, size_t *p, u8 *digits) {
    static const int forms[2][4] = {{4, 4, 4, 4}, {4, 6, 5, 0}};
    u8 gap = *p + 4 < n ? b[*p + 4] : 0;
    if (gap != ' ' && gap != '-') return 0;
    for (int form = 0; form < 2; form++) {
        int count = 0;
        size_t at = *p;
        for (int i = 0; i < 4 && forms[form][i]; i++) {
            int want = forms[form][i];
            if (i && (at >= n || b[at++] != gap)) break;
            if (take(b, n, at, digits + count, want) < want) break;
            count += want;
            at += (size_t)want;
        }
        if (count == 16 - form) return *p = at, count;
    }
    return 0;
}

static int is_card(const u8 *b, size_t n, size_t p) {
    u8 digits[20];
    if (!edge(b, p) || (p >= 2 && (b[p - 1] == '.' || b[p - 1] == '-') && is(b[p - 2], DIGIT))) return 0;
    int count = take(b, n, p, digits, 20);
    if (count < 13) count = grouped(b, n, &p, digits);
    else p += (size_t)count;
    if (count < 13 || count > 19 || (p < n && is(b[p], WORD))) return 0;
    if (p + 1 < n && (b[p] == '.' || b[p] == '-') && is(b[p + 1], DIGIT)) return 0;
    return issued(digits, count) && luhn(digits, count);
}

/* Behind two capitals and two digits, 11 capitals and digits or more, in groups of four or not. */
static int is_iban(const u8 *b, size_t n, size_t p) {
    if (!edge(b, p)) return 0;
    p += 4;
    for (int count = 0; count < 11; count++, p++) {
        if (count % 4 == 0 && p < n && b[p] == ' ') p++;
        if (p >= n || !is(b[p], UPPER | DIGIT)) return 0;
    }
    return 1;
}

typedef u8 Bytes16 __attribute__((vector_size(16)));
typedef int8_t Signed16 __attribute__((vector_size(16)));

/* 0xff for each byte of `count` ones from `first` on: signed, as this is what SSE2 compares. */
#define FROM(bytes, first, count) ((Bytes16)((Signed16)((bytes) + (u8)(128 - (first))) < (count) - 128))

/* One bit for each byte that is 0xff, of bytes that are 0 or 0xff. */
static inline u32 bits(Bytes16 mask) {
#ifdef __SSE2__
    return (u32)_mm_movemask_epi8((__m128i)mask);
#else
    const Bytes16 one = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    u64 half[2];
    mask &= one;
    memcpy(half, &mask, 16);
    return (u32)(half[0] * 0x0101010101010101u >> 56) | (u32)(half[1] * 0x0101010101010101u >> 56) << 8;
#endif
}

static int add_all(Found *f, size_t at, const u32 *indices, u32 count) {
    for (u32 i = 0; i < count; i++)
        if (add(f, at, indices[i]) < 0) return -1;
    return 0;
}

/* Of the 64 bytes at `at`, the digits and the capitals; there are none behind the end. */
typedef struct {
    u64 digits, uppers;
} Classes;

static inline Classes classes_at(const u8 *b, size_t n, size_t at) {
    Classes found = {0};
    u8 rest[BLOCK] = {0};
    const u8 *p = b + at;
    if (at >= n) return found;
    if (n - at < BLOCK) p = memcpy(rest, p, n - at);
    for (int k = 0; k < BLOCK; k += 16) {
        Bytes16 bytes;
        memcpy(&bytes, p + k, 16);
        found.digits |= (u64)bits(FROM(bytes, '0', 10)) << k;
        found.uppers |= (u64)bits(FROM(bytes, 'A', 26)) << k;
    }
    return found;
}

/* Of each place, the bit of the place `k` behind it. */
static inline u64 later(u64 now, u64 next, int k) { return now >> k | next << (BLOCK - k); }

/* Cards and IBANs that begin in `b[from .. to-1]`. */
static int find_shapes(const Scanner *s, const u8 *b, size_t n, size_t from, size_t to, Found *f) {
    Classes now, next = classes_at(b, n, from);
    for (size_t i = from; i < to; i += BLOCK) {
        now = next;
        next = classes_at(b, n, i + BLOCK);
        u64 two = now.digits & later(now.digits, next.digits, 1), next_two = next.digits & next.digits >> 1;
        u64 four = two & later(two, next_two, 2), next_four = next_two & next_two >> 2;
        u64 card = four & later(four, next_four, 5) & (later(four, next_four, 9) | ~later(now.digits, next.digits, 4));
        u64 iban = now.uppers & later(now.uppers, next.uppers, 1) & later(two, next_two, 2);
        for (u64 found = card | iban; found; found &= found - 1) {
            u32 bit = (u32)__builtin_ctzll(found);
            if (card >> bit & 1 && is_card(b, n, i + bit) && add_all(f, i + bit, s->cards, s->cards_count) < 0) return -1;
            if (iban >> bit & 1 && is_iban(b, n, i + bit) && add_all(f, i + bit, s->ibans, s->ibans_count) < 0) return -1;
        }
    }
    return 0;
}

/* ---- The pass */

/* Whether the guards let the literal `b[at .. end-1]` count. */
static int counts(const Scanner *s, const Literal *l, const u8 *b, size_t n, size_t at, size_t end, Found *f) {
    if (l->next_size && (end >= n || !memchr(s->pool + l->next, b[end], l->next_size))) return 0;
    if (!runs(b, n, end, l->run) || (l->edge && !at_edge(b, at))) return 0;
    switch (l->guard) {
        case KEY: return is_key(b, n, at, end) && (l->plain || !is_plain(b, n, at, end));
        case MAIL: return is_mail(b, n, at);
        case LOGIN: return is_login(b, n, end, f);
        case ESCAPED_LOGIN: return (end = escaped_slashes(b, n, at + 1)) && is_login(b, n, end, f);
        default: return 1;
    }
}

/* Four bytes, the first one lowest, the same for both cases of a letter. */
static inline u32 key_at(const u8 *b) {
    u32 key;
    memcpy(&key, b, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    key = __builtin_bswap32(key);
#endif
    return key | 0x20202020;
}

typedef u16 Pairs8 __attribute__((vector_size(16)));

/* The cells of pairs: of each byte its low five bits, and whether it is from the half of ASCII where the letters are. */
#define CELLS_OF(pairs) FOLDED(((pairs) & 0x1f1f) | ((pairs) >> 1 & 0x2020))
#define FOLDED(bytes) (((bytes) & 0x3f) | ((bytes) >> 2 & 0xfc0))

/* Their index in `spots`, by the pairs one byte before them, too. */
#define SPOTS_OF(befores, pairs) (CELLS_OF(pairs) | ((befores) & 1) << 12)

static inline u32 pair_at(const u8 *b) {
    u16 pair;
    memcpy(&pair, b, 2);
    return pair;
}

static inline u32 cell_at(const u8 *b) { return CELLS_OF(pair_at(b)); }

static inline u32 ends_of(u8 first, u8 last) { return (first & 7u) << 3 | (last & 7u); }

/* Whether a window may begin at `p`. */
static inline u32 may_be(const Scanner *s, const u8 *p) {
    u32 cell = cell_at(p + 1), ends = (u32)(s->ends[cell] >> ends_of(p[0], p[3]));
    return s->first[cell] >> (p[0] & 31) & s->last[cell] >> (p[3] & 31) & ends & 1;
}

static inline int same(const Literal *l, u8 c, u8 own) { return c == own || (l->fold && lower(c) == own); }

/* Adds the literal if it stands at `at` and counts. Its ends are looked at first: between them is what it was found by. */
static int try_at(const Scanner *s, const u8 *b, size_t n, size_t at, const Literal *l, Found *f) {
    const u8 *text = s->pool + l->text;
    size_t k = l->size - 1;
    if (at > n || k >= n - at || !same(l, b[at], text[0]) || !same(l, b[at + k], text[k])) return 0;
    while (k && same(l, b[at + k], text[k])) k--;
    return !k && counts(s, l, b, n, at, at + l->size, f) ? add(f, at - (l->guard == MAIL), l->index) : 0;
}

/* The literals that have a window at `i`; `p` is `b + i`, or a copy with zeros behind the end. */
static int meet(const Scanner *s, const u8 *b, size_t n, size_t i, const u8 *p, Found *f) {
    u32 cell = cell_at(p + 1), key = key_at(p);
    for (const Node *node = s->nodes + s->nodes_from[cell], *end = s->nodes + s->nodes_from[cell + 1]; node < end; node++) {
        if ((key & node->mask) != node->key) continue;
        size_t at = i - (size_t)node->offset; /* where it would begin before the block, this wraps and is huge */
        if (try_at(s, b, n, at, &s->literals[node->literal], f) < 0) return -1;
    }
    return 0;
}

enum { SOME = 6 }; /* places that a block seldom has more of: so many are written always */

/* The places in so many blocks where windows may begin; how many. */
static inline __attribute__((always_inline)) size_t places_of(const Scanner *s, const u8 *b, size_t blocks, u16 *places) {
    size_t all = 0, count = 0;
    for (size_t i = 0; i < blocks * BLOCK; i += BLOCK) {
        u32 found = 0; /* a bit for each second place */
        for (int k = BLOCK - 16; k >= 0; k -= 16) {
            const u8 *p = b + i + k;
            Pairs8 befores, middles;
            u16 spots[8];
            memcpy(&befores, p, 16);
            memcpy(&middles, p + 1, 16);
            middles = SPOTS_OF(befores, middles);
            memcpy(spots, &middles, 16);
            for (int j = 7; j >= 0; j--) found = 2 * found + (s->spots[spots[j]] >> (p[2 * j + 3] & 31) & 1);
        }
        u16 *next = places + all;
        all += (size_t)__builtin_popcount(found);
        do {
            for (int k = 0; k < SOME; k++, found &= found - 1) *next++ = (u16)(i + 2 * (size_t)__builtin_ctz(found | (u32)1 << 31));
        } while (found);
    }
    for (size_t k = 0; k < all; k++) {
        const u8 *p = b + places[k];
        places[count] = places[k];
        count += may_be(s, p);
    }
    return count;
}

static size_t find_places(const Scanner *s, const u8 *b, size_t blocks, u16 *places) { return places_of(s, b, blocks, places); }

#ifdef __x86_64__
#define FAST __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define IS_FAST processor_has(CPU_AVX2 | CPU_BMI1 | CPU_BMI2)
#else
#define FAST
#define IS_FAST 0
#endif

/* The same for newer processors: one instruction instead of two or three for many steps. */
FAST static size_t find_places_fast(const Scanner *s, const u8 *b, size_t blocks, u16 *places) { return places_of(s, b, blocks, places); }

/* Literals with a window in `b[from .. to-1]`; `from` is even. */
static int find_literals(const Scanner *s, const u8 *b, size_t n, size_t from, size_t to, Found *f) {
    u16 places[CHUNK / 2 + SOME];
    size_t blocks = n - from < BLOCK + 2 ? 0 : least(to - from, n - from - 2) / BLOCK;
    if (!from) { /* a window may begin two bytes before the first literal */
        u8 first[4] = {0};
        memcpy(first + 2, b, least(n, 2));
        if (may_be(s, first) && meet(s, b, n, (size_t)-2, first, f) < 0) return -1;
    }
    size_t count = (s->fast ? find_places_fast : find_places)(s, b + from, blocks, places);
    for (size_t k = 0; k < count; k++)
        if (meet(s, b, n, from + places[k], b + from + places[k], f) < 0) return -1;
    for (size_t i = from + blocks * BLOCK; i < to; i += 2) {
        u8 rest[4] = {0};
        memcpy(rest, b + i, least(n - i, 4));
        if (may_be(s, rest) && meet(s, b, n, i, rest, f) < 0) return -1;
    }
    return 0;
}

/* Literals of one byte in `b[from .. to-1]`. */
static int find_singles(const Scanner *s, const u8 *b, size_t n, size_t from, size_t to, Found *f) {
    for (u32 i = 0; i < s->singles_count; i++) {
        const Literal *l = &s->literals[s->singles[i]];
        u8 cases[2] = {s->pool[l->text], (u8)(s->pool[l->text] - 32)};
        for (int k = 0; k < (l->fold && is(cases[1], UPPER) ? 2 : 1); k++)
            for (const u8 *at = b + from; at < b + to && (at = memchr(at, cases[k], (size_t)(b + to - at))); at++)
                if (try_at(s, b, n, (size_t)(at - b), l, f) < 0) return -1;
    }
    return 0;
}

/* ---- Setting up */

/* What logs look like: how often pairs of bytes stand there is counted here. */
static const char SAMPLE[] =
    "Nov 22 08:04:31 web-01 kernel: [12345.678901] usb 1-1: new high-speed USB device number 4 using xhci_hcd\n"
    "Jan  5 23:17:02 db-2 sshd[2817]: pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)\n"
    "Jan  5 23:17:02 db-2 systemd[1]: Started session-55.scope - Session 55 of User admin.\n"
    "2026-03-10T00:00:01.123456+00:00 host CRON[9512]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)\n"
    "10.0.12.7 - - [10/Mar/2026:00:00:01 +0000] \"GET /api/v1/items/8713?page=2 HTTP/1.1\" 200 5316 \"https://www.example.com/\" "
    "\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.45 Safari/537.36\"\n"
    "2026-03-10 00:00:01,250 INFO  [http-nio-8080-exec-4] com.example.orders.OrderService - processed order 40013 in 35 ms\n"
    "java.lang.IllegalStateException: connection pool is closed\n\tat org.apache.catalina.core.StandardWrapperValve.invoke"
    "(StandardWrapperValve.java:202)\n\tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)\n"
    "{\"timestamp\":\"2026-03-10T00:00:01.000Z\",\"level\":\"info\",\"logger\":\"http.access\",\"message\":\"request completed\","
    "\"method\":\"GET\",\"path\":\"/healthz\",\"status\":200,\"duration_ms\":12.5,"
    "\"request_id\":\"7f3b9c1e-52d4-4a0c-9e61-0b8d2f6a7c35\",\"error\":null}\n"
    "type=SYSCALL msg=audit(1710028801.234:5678): arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8 a1=7ffd3 items=2 ppid=1 pid=4242 "
    "auid=1000 uid=0 gid=0 euid=0 suid=0 tty=pts0 ses=3 comm=\"bash\" exe=\"/usr/bin/bash\" subj=unconfined key=(null)\n"
    "I0310 00:00:02.345678       1 controller.go:114] \"Reconciler error\" err=\"failed to update resource\" namespace=\"kube-system\"\n"
    "time=\"2026-03-10T00:00:03Z\" level=warning msg=\"container start failed\" id=4f1c9d2ab03e image=registry.example.com/app:1.2.3\n"
    "LOG:  duration: 1502.112 ms  statement: SELECT id, name, created_at FROM users WHERE status = 'active' ORDER BY id LIMIT 100\n"
    "[Tue Mar 10 00:00:04.567 2026] [core:error] [pid 3121] [client 203.0.113.9:51234] File does not exist: /var/www/html/index.php\n"
    "eth0: Link is Up - 1Gbps/Full; EXT4-fs (sda1): mounted filesystem; Out of memory: Killed process 991 (java) total-vm:8123456kB\n"
    "Failed to start Daily apt upgrade and clean activities. authentication failure; logname= invalid login password for user from port\n"
    "Connection closed by 192.0.2.44 port 40022 [preauth]; Accepted publickey for deploy from 10.20.30.40 port 55124 ssh2: ED25519\n"
    "Mar 10 2024 11:52:23 node-4 dockerd[1210]: level=info msg=\"ignoring event\" container=9ab3 module=libcontainerd topic=/tasks/delete\n"
    "dhclient: DHCPREQUEST on ens3 to 203.0.113.1 port 67; systemd-resolved: Server returned error NXDOMAIN, mitigating potential DNS\n"
    "Starting Network Manager Script Dispatcher Service... Reached target Timers. Deactivated successfully. Consumed 1.204s CPU time.\n"
    "kernel: audit: apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/cupsd\" name=\"/proc/1/cmdline\" requested_mask=\"r\" fsuid=0\n"
    "CPU0: Core temperature above threshold; oom-kill:constraint=CONSTRAINT_NONE; TCP: request_sock_TCP: Possible SYN flooding on port 80\n"
    "type=CWD msg=audit(1710028801.250:5679): cwd=\"/home/admin\" type=PATH item=0 name=\"/bin/ls\" inode=1311 dev=fd:00 mode=0100755 ouid=0\n"
    "ogid=0 rdev=00:00 obj=system_u:object_r:bin_t:s0 nametype=NORMAL cap_fp=0 cap_fver=0 op=PAM:session_open grantors=pam_limits,pam_unix\n"
    "acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.10 terminal=ssh res=success subj=system_u:system_r:sshd_t:s0-s0:c0.c1023\n"
    "SYSCALL=execve AUID=\"unset\" UID=\"root\" proctitle=2F7573722F7362696E2F63726F6E AVC avc: denied { read } for scontext=unit dev=\"dm-0\"\n"
    "POST /v2/customers/search HTTP/2.0\" 404 153 \"-\" \"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.3 Safari/605.1.15\" rt=0.023\n"
    "GET /static/js/main.8f2c1d.js HTTP/1.1 304 0 \"https://shop.example.com/checkout\" (iPhone; CPU iPhone OS 17_3 like Mac OS X) Mobile/15E148\n"
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html) curl/8.5.0 python-requests/2.31.0 Edg/122.0 Firefox/123.0 Gecko/20100101\n"
    "WARN [scheduling-1] o.s.web.client.RestTemplate - Slow query took 4096 ms; retrying via proxy, attempt 3 of 5, printing details below\n"
    "Caused by: org.hibernate.exception.ConstraintViolationException: could not execute statement [duplicate entry] ... 42 common frames\n"
    "at com.example.payment.service.impl.ClientConnectionFactory$$EnhancerBySpringCGLIB.read(ClientConnectionFactory.java:388) ~[app.jar]\n"
    "ERROR io.netty.channel.AbstractChannelHandlerContext - Unexpected exception: java.net.SocketTimeoutException: Read timed out after\n"
    "DEBUG o.s.security.web.FilterChainProxy : Securing GET /actuator/health; Set SecurityContextHolder to anonymous; InitializingBean\n"
    "{\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\",\"service\":\"billing\",\"host\":\"ip-10-0-3-17\",\"version\":\"1.4\",\n"
    "\"user_agent\":\"okhttp/4.12\",\"remote_addr\":\"198.51.100.7\",\"bytes_sent\":2344,\"caller\":\"server/handler.go:212\",\"kind\":\"Pod\",\"count\":17,\n"
    "\"event\":\"payment_processed\",\"currency\":\"EUR\",\"amount\":250,\"customer\":{\"country\":\"DE\",\"plan\":\"premium\"},\"latency\":\"13ms\",\"retries\":0}\n"
    "postgres[884]: ERROR: relation \"events\" does not exist at character 15; checkpoint complete: wrote 93 buffers; autovacuum launcher\n"
    "rsyslogd: imuxsock lost 15 messages; postfix/smtp[771]: to=<a@b.example>, relay=mx.example[192.0.2.5]:25, delay=0.4, status=sent (250 ok)\n"
    "etcd: compacted revision; kubelet: Pulling image, Liveness probe failed; nginx: upstream prematurely closed connection while reading\n"
    "Permission denied; command not found; resource temporarily unavailable; invalid argument; no such file or directory; broken pipe; link\n"
    "Mar 10 00:00:02 mx-1 postfix/smtp[2211]: 4F2A1: to=<anna@example.net>, relay=mail.example.net[192.0.2.7]:25, delay=0.42, dsn=2.0.0, status=sent\n"
    "Mar 10 00:00:03 host systemd[1]: Starting Cleanup of Temporary Directories...\nMar 10 00:00:03 host systemd[1]: session-12.scope: Deactivated.\n"
    "Mar 10 00:00:04 host sudo: pam_unix(sudo:session): session closed for user root\nMar 10 00:00:04 host dhclient[512]: DHCPACK of 10.0.0.9 from 10.0.0.1\n"
    "192.0.2.44 - alice [10/Mar/2026:00:00:05 +0000] \"POST /login?next=/account HTTP/2.0\" 302 154 \"-\" \"curl/7.88.1\" rt=0.004 uct=0.000 urt=0.004\n"
    "node kubelet[901]: E0310 00:00:06 pod_workers.go:951] \"Error syncing pod, skipping\" err=\"CrashLoopBackOff: back-off 5m0s restarting\"\n";

enum { BYTES = 256, ANY = 64, SIX = 64, FIVE = 32, SAMPLES = sizeof SAMPLE - 1 };

/* What a cell knows of a byte. */
static inline int six(u8 c) { return (c & 0x1f) | (c >> 1 & 0x20); }

/* Shares, while the windows are chosen: of a pair in logs, and of the byte before or behind one, of which five bits are known. */
typedef struct Counts {
    float pair[SIX][SIX], before[SIX][FIVE], behind[SIX][FIVE];
    float first[CELLS], last[CELLS]; /* by a cell: the share of the ends that the tables say yes to so far */
    u32 keys[SAMPLES], turned[SAMPLES]; /* of all windows, in order of their last byte, and with their bytes turned round, of their first */
} Counts;

static int by_number(const void *a, const void *b) {
    u32 x = *(const u32 *)a, y = *(const u32 *)b;
    return (x > y) - (x < y);
}

static Counts *count_sample(void) {
    Counts *c = PyMem_Malloc(sizeof *c);
    float all[SIX] = {0};
    if (!c) return NULL;
    memset(c, 0, sizeof *c);
    for (int i = 0; i < SIX * SIX; i++) c->pair[i / SIX][i % SIX] = 0.02f; /* of what the sample has not, too, there may be some */
    for (int i = 0; i < SAMPLES; i++) c->pair[six((u8)SAMPLE[i])][six((u8)SAMPLE[(i + 1) % SAMPLES])]++;
    for (int i = 0; i < SIX; i++) c->pair[i][i] += 6; /* runs of one byte come in masses: rulers, padding, dumps of zeros */
    for (int i = 0; i < SIX * SIX; i++) all[i / SIX] += c->pair[i / SIX][i % SIX];
    for (int i = 0; i < SIX; i++)
        for (int k = 0; k < SIX; k++) {
            c->before[i][k % FIVE] += c->pair[k][i] / all[i];
            c->behind[i][k % FIVE] += c->pair[i][k] / all[i];
        }
    for (int i = 0; i < SIX * SIX; i++) c->pair[i / SIX][i % SIX] /= SAMPLES;
    for (int i = 0; i + 4 <= SAMPLES; i++) {
        c->keys[i] = key_at((const u8 *)SAMPLE + i);
        c->turned[i] = __builtin_bswap32(c->keys[i]);
    }
    qsort(c->keys, SAMPLES, sizeof *c->keys, by_number);
    qsort(c->turned, SAMPLES, sizeof *c->turned, by_number);
    return c;
}

static int inside(const Literal *l, int at) { return at >= 0 && at < (int)l->size; }

/* The bytes that may stand at a place of the literal or beside it: its own one, those that may follow it, or any, but one of each cell. */
static int choices(const Scanner *s, const Literal *l, int at, u8 out[BYTES]) {
    int count = inside(l, at) ? 1 : at == (int)l->size && l->next_size && l->next_size < ANY ? (int)l->next_size : ANY;
    const u8 *from = s->pool + (inside(l, at) ? l->text + (u32)at : l->next);
    for (int i = 0; i < count; i++) out[i] = count == ANY ? (u8)(0x20 + i) : from[i];
    return count;
}

/* A window, and what may stand in it. */
typedef struct {
    int offset;
    u32 first, last; /* a bit for each five bits that the ends may have */
    int counts[2];
    u8 middle[2][BYTES];
} Window;

static void look_at(const Scanner *s, const Literal *l, int offset, Window *w) {
    u8 ends[BYTES];
    *w = (Window){.offset = offset};
    for (int i = choices(s, l, offset, ends); i--;) w->first |= (u32)1 << (ends[i] & 31);
    for (int i = choices(s, l, offset + 3, ends); i--;) w->last |= (u32)1 << (ends[i] & 31);
    for (int k = 0; k < 2; k++) w->counts[k] = choices(s, l, offset + 1 + k, w->middle[k]);
}

/* The bytes of a window that are the literal's own, and where in it these are. */
static u32 own_key(const Scanner *s, const Literal *l, int offset, u32 *mask) {
    u8 bytes[4] = {0};
    *mask = 0;
    for (int i = 0; i < 4; i++) {
        if (!inside(l, offset + i)) continue;
        bytes[i] = s->pool[l->text + (u32)(offset + i)];
        *mask |= (u32)0xff << 8 * i;
    }
    return key_at(bytes) & *mask;
}

/* How many of the numbers, which are in order, are less. */
static int below(const u32 numbers[SAMPLES], u64 limit) {
    int from = 0, to = SAMPLES;
    while (from < to) {
        int middle = (from + to) / 2;
        if (numbers[middle] < limit) from = middle + 1;
        else to = middle;
    }
    return from;
}

/* How often logs have this very window: so often the literal is compared. Of two bytes in the middle of one it tells too much: nowhere else
   is a place for them. */
static float met(const Scanner *s, const Literal *l, int offset) {
    u32 mask, key = own_key(s, l, offset, &mask);
    const u32 *numbers = s->counts->keys;
    if (!(mask >> 24)) { /* it ends within the window: its own bytes are the first ones */
        key = __builtin_bswap32(key), mask = __builtin_bswap32(mask);
        numbers = s->counts->turned;
    }
    return (float)(below(numbers, (u64)(key | ~mask) + 1) - below(numbers, key)) / SAMPLES;
}

static float share(const float shares[FIVE], u32 bits) {
    float sum = 0;
    if (bits == UINT32_MAX) return 1;
    for (; bits; bits &= bits - 1) sum += shares[__builtin_ctz(bits)];
    return sum;
}

/* How much more often logs would have what looks like a window: all first ends of a cell go with all last ones. And how often they have
   this one, which the literal is compared then. */
static float cost(const Scanner *s, const Window *w) {
    float sum = 0;
    for (int i = 0; i < w->counts[0] * w->counts[1]; i++) {
        const u8 middle[2] = {w->middle[0][i / w->counts[1]], w->middle[1][i % w->counts[1]]};
        const float *before = s->counts->before[six(middle[0])], *behind = s->counts->behind[six(middle[1])];
        u32 cell = cell_at(middle);
        float first = s->counts->first[cell], last = s->counts->last[cell];
        float more = (first + share(before, w->first & ~s->first[cell])) * (last + share(behind, w->last & ~s->last[cell])) - first * last;
        float own = share(before, w->first) * share(behind, w->last);
        sum += s->counts->pair[six(middle[0])][six(middle[1])] * (more + own / 2);
    }
    return sum;
}

static int add_node(Scanner *s, Node node) {
    if ((s->nodes_count & (s->nodes_count - 1)) == 0) { /* room for a power of two, and it is full */
        Node *nodes = PyMem_Realloc(s->nodes, (s->nodes_count ? 2 * (size_t)s->nodes_count : 1) * sizeof *nodes);
        if (!nodes) return PyErr_NoMemory(), -1;
        s->nodes = nodes;
    }
    s->nodes[s->nodes_count++] = node;
    return 0;
}

static int by_cell(const void *a, const void *b) {
    const Node *x = a, *y = b;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

static void order_nodes(Scanner *s) {
    if (s->nodes_count) qsort(s->nodes, s->nodes_count, sizeof *s->nodes, by_cell);
    for (u32 i = 0; i < s->nodes_count; i++) s->nodes_from[s->nodes[i].cell + 1] = i + 1;
    for (u32 i = 0; i < CELLS; i++)
        if (s->nodes_from[i + 1] < s->nodes_from[i]) s->nodes_from[i + 1] = s->nodes_from[i];
}

/* Lets the tables say yes to a window with such a middle. */
static void allow(Scanner *s, const Window *w, const u8 middle[2]) {
    u32 cell = cell_at(middle);
    s->first[cell] |= w->first;
    s->last[cell] |= w->last;
    s->counts->first[cell] = share(s->counts->before[six(middle[0])], s->first[cell]);
    s->counts->last[cell] = share(s->counts->behind[six(middle[1])], s->last[cell]);
    for (u8 k = 0; k < FIVE; k++) {
        if (!(w->first >> k & 1)) continue;
        s->spots[SPOTS_OF(pair_at((u8[]){k, middle[0]}), pair_at(middle))] |= w->last;
        for (u8 j = 0; j < FIVE; j++) s->ends[cell] |= (u64)(w->last >> j & 1) << ends_of(k, j);
    }
}

static int add_window(Scanner *s, u32 literal, const Window *w) {
    Node node = {.literal = literal, .offset = (int16_t)w->offset};
    node.key = own_key(s, &s->literals[literal], w->offset, &node.mask);
    u32 first = s->nodes_count;
    for (int i = 0; i < w->counts[0] * w->counts[1]; i++) {
        const u8 middle[2] = {w->middle[0][i / w->counts[1]], w->middle[1][i % w->counts[1]]};
        u32 k = first;
        allow(s, w, middle);
        node.cell = (u16)cell_at(middle);
        while (k < s->nodes_count && s->nodes[k].cell != node.cell) k++;
        if (k == s->nodes_count && add_node(s, node) < 0) return -1;
    }
    return 0;
}

/* Lets the literal wait at the window that costs least, of those that begin at an offset like `from`: even or odd. */
static int enter(Scanner *s, u32 literal, int from) {
    const Literal *l = &s->literals[literal];
    Window best, other;
    look_at(s, l, from, &best);
    float best_cost = cost(s, &best) + met(s, l, from);
    for (int at = from + 2; at <= 0 || at + 3 <= (int)l->size; at += 2) {
        look_at(s, l, at, &other);
        float other_cost = cost(s, &other);
        if (other_cost < best_cost) other_cost += met(s, l, at); /* what costs more already need not be counted */
        if (other_cost >= best_cost) continue;
        best = other;
        best_cost = other_cost;
    }
    return add_window(s, literal, &best);
}

static int add_index(u32 **indices, u32 *count, u32 index) {
    u32 *grown = PyMem_Realloc(*indices, (*count + 1) * sizeof *grown);
    if (!grown) return PyErr_NoMemory(), -1;
    *indices = grown;
    grown[(*count)++] = index;
    return 0;
}

static int add_literal(Scanner *s, const char *text, size_t size, const char *next, Literal literal) {
    Literal *literals = PyMem_Realloc(s->literals, (s->count + 1) * sizeof *literals);
    if (literals) s->literals = literals;
    u8 *pool = literals ? PyMem_Realloc(s->pool, s->pool_size + size + literal.next_size) : NULL;
    if (!pool) return PyErr_NoMemory(), -1;
    s->pool = pool;
    memcpy(pool + s->pool_size, text, size);
    memcpy(pool + s->pool_size + size, next, literal.next_size);
    literal.next = s->pool_size + (u32)size;
    literal.text = s->pool_size;
    literal.size = (u32)size;
    s->pool_size += (u32)size + literal.next_size;
    s->literals[s->count] = literal;
    if (size == 1) return add_index(&s->singles, &s->singles_count, s->count++);
    return enter(s, s->count, -2) < 0 ? -1 : enter(s, s->count++, -1);
}

static int add_shape(Scanner *s, const char *shape, u32 index) {
    Literal literal = {.index = index, .guard = LOGIN};
    if (!strcmp(shape, "card")) return add_index(&s->cards, &s->cards_count, index);
    if (!strcmp(shape, "iban")) return add_index(&s->ibans, &s->ibans_count, index);
    if (!strcmp(shape, "mail")) return add_literal(s, "@", 1, "", (Literal){.index = index, .guard = MAIL});
    if (strcmp(shape, "login")) return PyErr_Format(PyExc_ValueError, "no such shape: %.40s", shape), -1;
    if (add_literal(s, "://", 3, "", literal) < 0) return -1;
    literal.fold = 1;
    if (add_literal(s, "%3a%2f%2f", 9, "", literal) < 0) return -1;
    literal = (Literal){.index = index, .guard = ESCAPED_LOGIN};
    return add_literal(s, ":\\/", 3, "", literal) < 0 ? -1 : add_literal(s, ":\\\\", 3, "", literal);
}

static int add_tuple(Scanner *s, PyObject *tuple, u32 index) {
    const char *text, *next, *shape;
    Py_ssize_t size, run, next_size;
    int fold, key, plain, edge;
    if (!PyTuple_Check(tuple)) return PyErr_SetString(PyExc_TypeError, "a literal is a tuple"), -1;
    if (!PyArg_ParseTuple(tuple, "y#pppny#sp", &text, &size, &fold, &key, &plain, &run, &next, &next_size, &shape, &edge)) return -1;
    if (*shape) return add_shape(s, shape, index);
    if (size < 1 || size > LONGEST || next_size > LONGEST || run < 0 || run > 1 << 20)
        return PyErr_SetString(PyExc_ValueError, "a literal has a text of 1 to 4096 bytes and a run of 0 to 1048576"), -1;
    Literal literal = {.index = index, .run = (u32)run, .next_size = (u32)next_size, .fold = (u8)fold, .guard = key ? KEY : ALWAYS,
                       .plain = (u8)plain, .edge = (u8)edge};
    return add_literal(s, text, (size_t)size, next, literal);
}

/* ---- The type */

static PyObject *scanner_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    static char *names[] = {"literals", "slow", NULL};
    PyObject *given;
    int slow = 0;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O|p", names, &given, &slow)) return NULL;
    PyObject *literals = PySequence_Tuple(given);
    if (!literals) return NULL;
    Scanner *s = (Scanner *)PyType_GenericAlloc(type, 0); /* all zero */
    if (s && !(s->counts = count_sample())) {
        Py_CLEAR(s);
        PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; s && i < PyTuple_Size(literals); i++)
        if (add_tuple(s, PyTuple_GetItem(literals, i), (u32)i) < 0) Py_CLEAR(s);
    Py_DECREF(literals);
    if (s) {
        PyMem_Free(s->counts);
        s->counts = NULL;
        order_nodes(s);
        s->fast = !slow && IS_FAST;
    }
    return (PyObject *)s;
}

static void scanner_dealloc(PyObject *self) {
    Scanner *s = (Scanner *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(s->counts);
    PyMem_Free(s->literals);
    PyMem_Free(s->nodes);
    PyMem_Free(s->pool);
    PyMem_Free(s->singles);
    PyMem_Free(s->cards);
    PyMem_Free(s->ibans);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* The types of the module. */
typedef struct {
    PyTypeObject *anchors;
} Kinds;

static PyObject *as_tuple(const Event *event) {
    PyObject *tuple = PyTuple_New(2), *at = PyLong_FromSize_t(event->at), *index = PyLong_FromSize_t(event->index);
    if (tuple && at && index) {
        PyTuple_SetItem(tuple, 0, at); /* these take what they are given */
        PyTuple_SetItem(tuple, 1, index);
        return tuple;
    }
    Py_XDECREF(tuple);
    Py_XDECREF(at);
    Py_XDECREF(index);
    return NULL;
}

/* Gives the anchors one after the other: a list of all would take many times the room where a text is full of them. */
typedef struct {
    PyObject_HEAD
    Event *events;
    size_t count, next;
} Anchors;

static PyObject *anchors_next(PyObject *self) {
    Anchors *a = (Anchors *)self;
    return a->next < a->count ? as_tuple(&a->events[a->next++]) : NULL;
}

static void anchors_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(((Anchors *)self)->events);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot anchors_slots[] = {
    {Py_tp_doc, "(position, index of the literal) of every anchor, in order"},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, anchors_next},
    {Py_tp_dealloc, anchors_dealloc},
    {0, NULL},
};

static PyType_Spec anchors_spec = {"diagbundle.redact._scan.Anchors", sizeof(Anchors), 0, Py_TPFLAGS_DEFAULT, anchors_slots};

/* Chunk by chunk, so that anchors of all kinds come nearly in order. */
static int find_all(const Scanner *s, const u8 *b, size_t n, Found *f) {
    for (size_t from = 0; from < n; from += CHUNK) {
        size_t to = least(n, from + CHUNK);
        if (find_literals(s, b, n, from, to, f) < 0) return -1;
        if (find_singles(s, b, n, from, to, f) < 0) return -1;
        if ((s->cards_count || s->ibans_count) && find_shapes(s, b, n, from, to, f) < 0) return -1;
    }
    if (f->unsorted) qsort(f->events, f->count, sizeof(Event), compare);
    return 0;
}

static PyObject *scanner_anchors(PyObject *self, PyTypeObject *type, PyObject *const *args, Py_ssize_t given, PyObject *named) {
    char *b;
    Py_ssize_t n, start = 0;
    Found found = {0};
    if (given < 1 || given > 2 || named) return PyErr_SetString(PyExc_TypeError, "anchors(data, start=0)"), NULL;
    if (PyBytes_AsStringAndSize(args[0], &b, &n) < 0) return NULL;
    if (given == 2 && (start = PyLong_AsSsize_t(args[1])) == -1 && PyErr_Occurred()) return NULL;
    PyTypeObject *kind = ((Kinds *)PyType_GetModuleState(type))->anchors;
    Anchors *anchors = (Anchors *)PyType_GenericAlloc(kind, 0);
    if (!anchors) return NULL;
    int failed = find_all((Scanner *)self, (const u8 *)b, (size_t)n, &found);
    anchors->events = found.events;
    anchors->count = found.count;
    while (anchors->next < found.count && found.events[anchors->next].at < (size_t)(start < 0 ? 0 : start)) anchors->next++;
    if (!failed) return (PyObject *)anchors;
    Py_DECREF(anchors);
    return PyErr_NoMemory();
}

static PyMethodDef scanner_methods[] = {
    {"anchors", (PyCFunction)(void (*)(void))scanner_anchors, METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "(position, index of the literal) of every anchor from `start` on, in order"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, "Finds the anchors of all literals in one pass; a literal is (text, fold, key, plain, run, next, shape, edge). `slow`: as on all\n"
                "processors."},
    {Py_tp_new, scanner_new},
    {Py_tp_dealloc, scanner_dealloc},
    {Py_tp_methods, scanner_methods},
    {0, NULL},
};

static PyType_Spec scanner_spec = {"diagbundle.redact._scan.Scanner", sizeof(Scanner), 0, Py_TPFLAGS_DEFAULT, scanner_slots};

static int scan_exec(PyObject *module) {
    Kinds *kinds = PyModule_GetState(module);
    PyObject *type = PyType_FromModuleAndSpec(module, &scanner_spec, NULL);
    kinds->anchors = (PyTypeObject *)PyType_FromModuleAndSpec(module, &anchors_spec, NULL);
    if (!type || !kinds->anchors) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static int scan_clear(PyObject *module) {
    Py_CLEAR(((Kinds *)PyModule_GetState(module))->anchors);
    return 0;
}

static PyModuleDef_Slot scan_slots[] = {
    {Py_mod_exec, scan_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef scan_module = {
    PyModuleDef_HEAD_INIT, "diagbundle.redact._scan", "The scanner of redaction in C.", sizeof(Kinds), NULL, scan_slots, NULL, scan_clear, NULL,
};

PyMODINIT_FUNC PyInit__scan(void) { return PyModuleDef_Init(&scan_module); }
