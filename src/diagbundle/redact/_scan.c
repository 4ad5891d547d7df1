/* The scanner in C: all literals of all patterns in one pass over a block. `scan.py` says what counts as an anchor; its class `Twin` is the
   same in Python, and both give the same anchors for every input.

   Only every second place of the input is looked at: each literal waits at two windows of four bytes, one for each of the parities at which
   it may begin. What stands beside a short literal in its window is any byte. A table has a cell for the two middle bytes of a window, by
   six bits of each, which do not know the case of letters; the cell has a bit for each five bits that the first byte may have, and one for
   each that the last one may have. Only where the table says yes to both are literals compared, and windows are chosen so that logs have
   few such places. Literals of one byte are left to memchr. Cards and IBANs have no text: they are found in bit masks of digits and
   capitals. Nothing is allocated but the list of anchors, and no byte outside `b[0 .. n-1]` is read. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- Bytes */

enum { DIGIT = 1, UPPER = 2, HEX = 4, WORD = 8, NAME = 16, RUN = 32, STOP = 64 };
enum { ALNUM_ = WORD | NAME | RUN };

static const u8 CLASS[256] = {
    ['0' ... '9'] = ALNUM_ | DIGIT | HEX, ['A' ... 'F'] = ALNUM_ | UPPER | HEX, ['G' ... 'Z'] = ALNUM_ | UPPER,
    ['a' ... 'f'] = ALNUM_ | HEX, ['g' ... 'z'] = ALNUM_, ['_'] = ALNUM_, ['.'] = NAME | RUN, ['-'] = NAME | RUN,
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
    u8 fold, guard;
} Literal;

/* A window of a literal. */
typedef struct {
    u32 next;      /* number of the node + 1; 0 ends the chain */
    u32 key;       /* see `key_at`; only of bytes that are the literal's */
    u32 kind;      /* which of its bytes these are */
    u32 literal;
    int offset;    /* in the literal; less than 0: it begins before it */
} Node;

enum { CELLS = 1 << 12, LONGEST = 4096, CHUNK = 4096, KINDS = 6 };
static const u32 MASKS[KINDS] = {0xffffffff, 0xffffff, 0xffffff00, 0xffff, 0xffff00, 0xffff0000};

typedef struct {
    PyObject_HEAD
    u32 first[CELLS], last[CELLS]; /* by the middle of a window: a bit for each five bits that its first and last byte may have */
    u8 kinds[CELLS];               /* which kinds of windows have this middle: a bit for each of `MASKS` */
    u32 chains[CELLS];             /* of windows by the hash of their kind and key: number of the first node + 1 */
    Literal *literals;
    Node *nodes;
    u8 *pool;
    u32 count, nodes_count, pool_size;
    u32 *singles;          /* the literals of one byte */
    u32 *cards, *ibans;    /* indices of the literals of these shapes */
    u32 singles_count, cards_count, ibans_count;
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

static int separates(const u8 *b, size_t n, size_t p) {
    switch (p < n ? b[p] : 0) {
        case '=': case ':': case '>': return 1;
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

#define LENGTHS(from, to) ((2u << (to)) - (1u << (from)))
static const struct { u16 from, to; u32 lengths; } ISSUERS[] = {
    {2200, 2204, LENGTHS(16, 16)}, {2221, 2720, LENGTHS(16, 16)}, {3000, 3059, LENGTHS(14, 14)}, {3095, 3095, LENGTHS(14, 14)},
    {3400, 3499, LENGTHS(15, 15)}, {3528, 3589, LENGTHS(16, 19)}, {3600, 3699, LENGTHS(14, 14)}, {3700, 3799, LENGTHS(15, 15)},
    {3800, 3999, LENGTHS(14, 14)}, {4000, 4999, LENGTHS(13, 13) | LENGTHS(16, 16) | LENGTHS(19, 19)},
    {5100, 5599, LENGTHS(16, 16)}, {6011, 6011, LENGTHS(16, 19)}, {6200, 6299, LENGTHS(16, 19)}, {6440, 6599, LENGTHS(16, 19)},
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

/* The 16 bytes at `at`; zeros behind the end. */
static inline Bytes16 bytes_at(const u8 *b, size_t n, size_t at) {
    Bytes16 bytes = {0};
    if (at + 16 <= n) memcpy(&bytes, b + at, 16);
    else if (at < n) {
        u8 rest[16] = {0};
        memcpy(rest, b + at, n - at);
        memcpy(&bytes, rest, 16);
    }
    return bytes;
}

static int add_all(Found *f, size_t at, const u32 *indices, u32 count) {
    for (u32 i = 0; i < count; i++)
        if (add(f, at, indices[i]) < 0) return -1;
    return 0;
}

/* Cards and IBANs that begin in `b[from .. to-1]`: 48 places of a mask of 64 bytes at a time. */
static int find_shapes(const Scanner *s, const u8 *b, size_t n, size_t from, size_t to, Found *f) {
    for (size_t at = from; (s->cards_count || s->ibans_count) && at < to; at += 48) {
        u64 digits = 0, uppers = 0;
        for (int k = 0; k < 4; k++) {
            Bytes16 bytes = bytes_at(b, n, at + 16 * (size_t)k);
            digits |= (u64)bits(FROM(bytes, '0', 10)) << (16 * k);
            uppers |= (u64)bits(FROM(bytes, 'A', 26)) << (16 * k);
        }
        u64 two = digits & digits >> 1, four = two & two >> 2, eight = four & four >> 4;
        u64 card = (eight & eight >> 5) | (four & ~(digits >> 4) & four >> 5), iban = uppers & uppers >> 1 & two >> 2;
        for (u64 found = (card | iban) & (((u64)1 << 48) - 1); found; found &= found - 1) {
            u32 bit = (u32)__builtin_ctzll(found);
            if (at + bit >= to) break;
            if (card >> bit & 1 && is_card(b, n, at + bit) && add_all(f, at + bit, s->cards, s->cards_count) < 0) return -1;
            if (iban >> bit & 1 && is_iban(b, n, at + bit) && add_all(f, at + bit, s->ibans, s->ibans_count) < 0) return -1;
        }
    }
    return 0;
}

/* ---- The pass */

/* Whether the guards let the literal `b[at .. end-1]` count. */
static int counts(const Scanner *s, const Literal *l, const u8 *b, size_t n, size_t at, size_t end, Found *f) {
    if (l->next_size && (end >= n || !memchr(s->pool + l->next, b[end], l->next_size))) return 0;
    if (!runs(b, n, end, l->run)) return 0;
    switch (l->guard) {
        case KEY: return is_key(b, n, at, end);
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

static inline u32 cell_at(const u8 *b) {
    u16 pair;
    memcpy(&pair, b, 2);
    return CELLS_OF((u32)pair);
}

/* Whether a window with its middle in the cell may begin at `p`, in the lowest bit. */
static inline u32 may_be(const Scanner *s, u32 cell, const u8 *p) { return s->first[cell] >> (p[0] & 31) & s->last[cell] >> (p[3] & 31); }

static int try_at(const Scanner *s, const u8 *b, size_t n, size_t at, const Literal *l, Found *f) {
    const u8 *text = s->pool + l->text;
    size_t k = l->size;
    if (at > n || k > n - at) return 0;
    if (l->fold) while (k && lower(b[at + k - 1]) == text[k - 1]) k--;
    else while (k && b[at + k - 1] == text[k - 1]) k--;
    return !k && counts(s, l, b, n, at, at + l->size, f) ? add(f, at - (l->guard == MAIL), l->index) : 0;
}

static inline u32 place_of(u32 key, u32 kind) { return (key + kind) * 0x9e3779b1u >> 20; }

/* The literals that have a window at `i`; `p` is `b + i`, or a copy with zeros behind the end. */
static int meet(const Scanner *s, const u8 *b, size_t n, size_t i, const u8 *p, Found *f) {
    for (u32 kinds = s->kinds[cell_at(p + 1)]; kinds; kinds &= kinds - 1) {
        u32 kind = (u32)__builtin_ctz(kinds), key = key_at(p) & MASKS[kind];
        for (u32 next = s->chains[place_of(key, kind)]; next; next = s->nodes[next - 1].next) {
            const Node *node = &s->nodes[next - 1];
            if (node->key != key || node->kind != kind) continue;
            size_t at = i - (size_t)node->offset; /* where it would begin before the block, this wraps and is huge */
            if (try_at(s, b, n, at, &s->literals[node->literal], f) < 0) return -1;
        }
    }
    return 0;
}

/* Literals with a window in `b[from .. to-1]`; `from` is even. */
static int find_literals(const Scanner *s, const u8 *b, size_t n, size_t from, size_t to, Found *f) {
    size_t i = from;
    if (!from) { /* a window may begin two bytes before the first literal */
        u8 first[4] = {0};
        memcpy(first + 2, b, least(n, 2));
        if (may_be(s, cell_at(first + 1), first) & 1 && meet(s, b, n, (size_t)-2, first, f) < 0) return -1;
    }
    for (; i + 16 <= to && n - i >= 18; i += 16) {
        const u8 *p = b + i;
        Pairs8 middles;
        u16 cells[8];
        u32 any = 0, found = 0;
        memcpy(&middles, p + 1, 16);
        middles = CELLS_OF(middles);
        memcpy(cells, &middles, 16);
        for (int k = 0; k < 8; k++) any |= may_be(s, cells[k], p + 2 * k);
        if (!(any & 1)) continue;
        for (int k = 0; k < 8; k++) found |= (may_be(s, cells[k], p + 2 * k) & 1) << k;
        for (; found; found &= found - 1) {
            size_t k = 2 * (size_t)__builtin_ctz(found);
            if (meet(s, b, n, i + k, p + k, f) < 0) return -1;
        }
    }
    for (; i < to; i += 2) {
        u8 rest[4] = {0};
        memcpy(rest, b + i, least(n - i, 4));
        if (may_be(s, cell_at(rest + 1), rest) & 1 && meet(s, b, n, i, rest, f) < 0) return -1;
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
    "Failed to start Daily apt upgrade and clean activities. authentication failure; logname= invalid login password for user from port\n";

enum { BYTES = 256, ANY = 64, SIX = 64, FIVE = 32, SAMPLES = sizeof SAMPLE - 1 };

/* What a cell knows of a byte. */
static inline int six(u8 c) { return (c & 0x1f) | (c >> 1 & 0x20); }

/* Shares, while the windows are chosen: of a pair in logs, and of the byte before or behind one, of which five bits are known. */
typedef struct Counts {
    float pair[SIX][SIX], before[SIX][FIVE], behind[SIX][FIVE];
} Counts;

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

static float share(const float shares[FIVE], u32 bits) {
    float sum = 0;
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
        u32 cell = cell_at(middle), first = s->first[cell], last = s->last[cell];
        float more = share(before, first | w->first) * share(behind, last | w->last) - share(before, first) * share(behind, last);
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
    u32 *chain = &s->chains[place_of(node.key, node.kind)];
    node.next = *chain;
    s->nodes[s->nodes_count] = node;
    *chain = ++s->nodes_count;
    return 0;
}

static int add_window(Scanner *s, u32 literal, const Window *w) {
    const Literal *l = &s->literals[literal];
    Node node = {.literal = literal, .offset = w->offset};
    u8 bytes[4] = {0};
    u32 mask = 0;
    for (int i = 0; i < 4; i++) {
        if (!inside(l, w->offset + i)) continue;
        bytes[i] = s->pool[l->text + (u32)(w->offset + i)];
        mask |= (u32)0xff << 8 * i;
    }
    while (MASKS[node.kind] != mask) node.kind++;
    node.key = key_at(bytes) & mask;
    for (int i = 0; i < w->counts[0] * w->counts[1]; i++) {
        const u8 middle[2] = {w->middle[0][i / w->counts[1]], w->middle[1][i % w->counts[1]]};
        u32 cell = cell_at(middle);
        s->kinds[cell] |= (u8)(1u << node.kind);
        s->first[cell] |= w->first;
        s->last[cell] |= w->last;
    }
    return add_node(s, node);
}

/* Lets the literal wait at the window that costs least, of those that begin at an offset like `from`: even or odd. */
static int enter(Scanner *s, u32 literal, int from) {
    const Literal *l = &s->literals[literal];
    Window best, other;
    look_at(s, l, from, &best);
    float best_cost = cost(s, &best);
    for (int at = from + 2; at <= 0 || at + 3 <= (int)l->size; at += 2) {
        look_at(s, l, at, &other);
        float other_cost = cost(s, &other);
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
    int fold, key;
    if (!PyTuple_Check(tuple)) return PyErr_SetString(PyExc_TypeError, "a literal is a tuple"), -1;
    if (!PyArg_ParseTuple(tuple, "y#ppny#s", &text, &size, &fold, &key, &run, &next, &next_size, &shape)) return -1;
    if (*shape) return add_shape(s, shape, index);
    if (size < 1 || size > LONGEST || next_size > LONGEST || run < 0 || run > 1 << 20)
        return PyErr_SetString(PyExc_ValueError, "a literal has a text of 1 to 4096 bytes and a run of 0 to 1048576"), -1;
    Literal literal = {.index = index, .run = (u32)run, .next_size = (u32)next_size, .fold = (u8)fold, .guard = key ? KEY : ALWAYS};
    return add_literal(s, text, (size_t)size, next, literal);
}

/* ---- The type */

static PyObject *scanner_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    static char *names[] = {"literals", NULL};
    PyObject *given;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O", names, &given)) return NULL;
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

static PyObject *as_list(const Found *f) {
    PyObject *list = PyList_New((Py_ssize_t)f->count);
    for (size_t i = 0; list && i < f->count; i++) {
        PyObject *tuple = as_tuple(&f->events[i]);
        if (!tuple) Py_CLEAR(list);
        else PyList_SetItem(list, (Py_ssize_t)i, tuple);
    }
    return list;
}

/* Chunk by chunk, so that anchors of all kinds come nearly in order. */
static int find_all(const Scanner *s, const u8 *b, size_t n, Found *f) {
    for (size_t from = 0; from < n; from += CHUNK) {
        size_t to = least(n, from + CHUNK);
        if (find_literals(s, b, n, from, to, f) < 0) return -1;
        if (find_singles(s, b, n, from, to, f) < 0 || find_shapes(s, b, n, from, to, f) < 0) return -1;
    }
    if (f->unsorted) qsort(f->events, f->count, sizeof(Event), compare);
    return 0;
}

static PyObject *scanner_anchors(PyObject *self, PyObject *data) {
    char *b;
    Py_ssize_t n;
    Found found = {0};
    PyObject *list = NULL;
    if (PyBytes_AsStringAndSize(data, &b, &n) < 0) return NULL;
    if (find_all((Scanner *)self, (const u8 *)b, (size_t)n, &found) < 0) PyErr_NoMemory();
    else list = as_list(&found);
    PyMem_Free(found.events);
    return list;
}

static PyMethodDef scanner_methods[] = {
    {"anchors", scanner_anchors, METH_O, "(position, index of the literal) of every anchor, in order"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, "Finds the anchors of all literals in one pass; a literal is (text, fold, key, run, next, shape)."},
    {Py_tp_new, scanner_new},
    {Py_tp_dealloc, scanner_dealloc},
    {Py_tp_methods, scanner_methods},
    {0, NULL},
};

static PyType_Spec scanner_spec = {"diagbundle.redact._scan.Scanner", sizeof(Scanner), 0, Py_TPFLAGS_DEFAULT, scanner_slots};

static int scan_exec(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &scanner_spec, NULL);
    if (!type) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static PyModuleDef_Slot scan_slots[] = {
    {Py_mod_exec, scan_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef scan_module = {
    PyModuleDef_HEAD_INIT, "diagbundle.redact._scan", "The scanner of redaction in C.", 0, NULL, scan_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__scan(void) { return PyModuleDef_Init(&scan_module); }
