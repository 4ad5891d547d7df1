/* The rewriter of identifiers: one pass over a text that replaces addresses, known names and what stands in a host's or user's place.
 *
 * `_grammar.py` and `_words.py` say the same in Python, function by function under the same names, and must give the same bytes.
 *
 * A block of 64 bytes becomes bit masks (word, dot, colon, ...); their combinations say where something may begin, and only there a
 * function looks. Nothing is allocated on the way but the answer; stand-ins are remembered in a table of bounded size. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#include "../processor.h"
#endif

typedef Py_ssize_t at_t;

/* ---- bytes -------------------------------------------------------------------------------------------------------------------- */

enum { DIGIT = 1, LOWER = 2, UPPER = 4, HEXLETTER = 8, UNDER = 16, HYPHEN = 32, HIGH = 64, DOT = 128, APART = 256, OPENS = 512, PROGRAM = 1024, VALUE = 2048,
       ZONE = 4096, PATH = 8192 };
#define LETTER (LOWER | UPPER)
#define HEX (DIGIT | HEXLETTER)
#define LABEL (DIGIT | LETTER | UNDER | HYPHEN)
#define RUN (LABEL | DOT)
#define WORD (DIGIT | LETTER | UNDER | HIGH)

static uint16_t classes[256];
static uint8_t folded[256];

static void fill_classes(void)
{
    for (int byte = 0; byte < 256; byte++) {
        int is = byte >= 128 ? HIGH : 0;
        if (byte >= '0' && byte <= '9') is = DIGIT;
        if (byte >= 'a' && byte <= 'z') is = LOWER;
        if (byte >= 'A' && byte <= 'Z') is = UPPER;
        if ((byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F')) is |= HEXLETTER;
        if (byte == '_') is = UNDER;
        if (byte == '-') is = HYPHEN;
        if (byte == '.') is = DOT;
        if (byte && strchr(" \t=:\"'(\\", byte)) is |= APART; /* between `version` and a quad */
        if (byte && strchr(" \t(", byte)) is |= OPENS; /* before a name in its place */
        if (byte && strchr("/\\:@.", byte)) is |= PATH; /* `/Hosts/10.0.0.1` is no product */
        if (is & WORD || (byte && strchr("./()@-", byte))) is |= PROGRAM;
        if (is & (WORD | DOT | HYPHEN) || byte == '$') is |= VALUE;
        if (is & DIGIT || (byte && strchr(".:+-Z", byte))) is |= ZONE; /* of a time: fraction and offset */
        classes[byte] = (uint16_t)is;
        folded[byte] = (uint8_t)(is & UPPER ? byte + 32 : byte);
    }
}

#define IS(byte, what) (classes[(uint8_t)(byte)] & (what))

static int same_folded(const uint8_t *text, const uint8_t *small, at_t length)
{
    for (at_t i = 0; i < length; i++)
        if (folded[text[i]] != small[i]) return 0;
    return 1;
}

/* ---- tables of texts in lower case --------------------------------------------------------------------------------------------- */

typedef struct { uint8_t *text; uint32_t hash; int32_t length; int32_t value; } Entry;
typedef struct { Entry *entries; uint32_t mask, lengths[256]; } Table; /* by first byte: which lengths there are */

#define HASH_START 2166136261u
#define HASH_STEP(hash, byte) (((hash) ^ (byte)) * 16777619u)

static uint32_t hash_of(const uint8_t *text, at_t length)
{
    uint32_t hash = HASH_START;
    for (at_t i = 0; i < length; i++) hash = HASH_STEP(hash, folded[text[i]]);
    return hash;
}

static uint32_t slot_of(uint32_t hash) { return hash ^ (hash >> 15); }

static int table_make(Table *table, at_t count)
{
    uint32_t size = 16;
    while ((at_t)size < count * 3) size *= 2;
    table->entries = PyMem_Calloc(size, sizeof(Entry));
    table->mask = size - 1;
    return table->entries ? 0 : -1;
}

static void table_free(Table *table)
{
    if (!table->entries) return;
    for (uint32_t i = 0; i <= table->mask; i++) PyMem_Free(table->entries[i].text);
    PyMem_Free(table->entries);
    table->entries = NULL;
}

static uint32_t length_bit(at_t length) { return 1u << (length < 31 ? length : 31); }

static int table_add(Table *table, const uint8_t *text, at_t length, int32_t value)
{
    uint32_t hash = hash_of(text, length), slot = slot_of(hash);
    while (table->entries[slot & table->mask].text) slot++;
    Entry *entry = &table->entries[slot & table->mask];
    entry->text = PyMem_Malloc((size_t)length + 1);
    if (!entry->text) return -1;
    for (at_t i = 0; i < length; i++) entry->text[i] = folded[text[i]];
    entry->hash = hash;
    if (length) table->lengths[entry->text[0]] |= length_bit(length);
    entry->length = (int32_t)length;
    entry->value = value;
    return 0;
}

static const Entry *table_find(const Table *table, uint32_t hash, const uint8_t *text, at_t length)
{
    for (uint32_t slot = slot_of(hash);; slot++) {
        const Entry *entry = &table->entries[slot & table->mask];
        if (!entry->text) return NULL;
        if (entry->hash == hash && entry->length == length && same_folded(text, entry->text, length)) return entry;
    }
}

static int table_value(const Table *table, const uint8_t *text, at_t length)
{
    if (length < 1 || !(table->lengths[folded[text[0]]] & length_bit(length))) return -1;
    const Entry *entry = table_find(table, hash_of(text, length), text, length);
    return entry ? entry->value : -1;
}

/* ---- the object ---------------------------------------------------------------------------------------------------------------- */

enum { IPV4, IPV6, MAC, HOST, USER, DOMAIN_, NAME, KINDS };
static const char *const kind_names[KINDS] = {"ipv4", "ipv6", "mac", "host", "user", "domain", "name"};
enum { KEY, PHRASE, ID, BACK };
static const char *const shape_names[] = {"key", "phrase", "id", "back"};

typedef struct { uint8_t text[48]; int32_t length; } Short;
typedef struct { int shape, kind, next; uint64_t eight, care; Short head, before; int after_from, after_to; } Place;
typedef struct { uint32_t hash, offset; uint16_t length, new_length; uint8_t kind; } Memo;

#define MEMO_SLOTS (1u << 16)
#define MEMO_MOST (1u << 15)
#define ARENA (4u << 20)
#define FILTER_BITS 14
#define THREE_BITS 10
#define LONGEST_NAME 253
#define LONGEST_USER 64
#define BACK_LOOK 512
#define AHEAD 128 /* what begins before a part's end may be seen by a dot behind it */

typedef struct {
    PyObject_HEAD
    PyObject *resolve, *kinds[KINDS], *standins;
    Table names, suffixes, packages, extensions, versions, ends;
    int longest, depth, longest_end;
    Place *places;
    int place_count;
    int16_t *first_place;
    Short *afters;
    uint8_t begins[1u << FILTER_BITS]; /* by cell: 1 a place, 2 a name, 4 an address in words */
    Memo *memo;
    uint8_t *arena;
    uint32_t memo_count, arena_used;
} Rewriter;

/* Number of the cell of what begins with these four bytes; `| 32` folds letters, and what it makes alike besides is told apart later. */
static inline uint32_t cell(uint32_t four)
{
    return ((four | 0x20202020u) * 2654435761u) >> (32 - FILTER_BITS);
}

static inline uint32_t three(const uint8_t *text)
{
    return (((uint32_t)folded[text[0]] | (uint32_t)folded[text[1]] << 8 | (uint32_t)folded[text[2]] << 16) * 2654435761u) >> (32 - THREE_BITS);
}

static inline uint32_t four_of(const uint8_t *text, at_t length)
{
    uint32_t four = 0;
    memcpy(&four, text, (size_t)(length < 4 ? length : 4));
    return four;
}

/* ---- a region of the text ------------------------------------------------------------------------------------------------------ */

typedef struct {
    Rewriter *self;
    const uint8_t *data;
    at_t lo, hi, end, done, dots, colons;
    at_t start, at; /* where the part begins, and up to where it was written */
    PyObject *out;
    at_t used;
    at_t counts[KINDS];
} Region;

typedef struct { at_t start, stop; int kind; PyObject *new; } One;
typedef struct { int count; One one[2]; } Found;

static inline int byte_at(const Region *r, at_t place) { return place >= r->lo && place < r->hi ? r->data[place] : -1; }
static inline int is_at(const Region *r, at_t place, int what) { return place >= r->lo && place < r->hi && IS(r->data[place], what); }
static inline at_t most(at_t a, at_t b) { return a > b ? a : b; }
static inline at_t least(at_t a, at_t b) { return a < b ? a : b; }

static void add(Found *found, at_t start, at_t stop, int kind)
{
    One one = {start, stop, kind, NULL};
    found->one[found->count++] = one;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------------------- */

static int write_out(Region *r, const uint8_t *text, at_t length)
{
    if (length <= 0) return 0;
    at_t have = PyBytes_GET_SIZE(r->out);
    if (r->used + length > have && _PyBytes_Resize(&r->out, (r->used + length) + (have >> 2) + 4096) < 0) return -1;
    memcpy(PyBytes_AS_STRING(r->out) + r->used, text, (size_t)length);
    r->used += length;
    return 0;
}

static uint32_t memo_hash(const uint8_t *text, at_t length, int kind)
{
    uint64_t hash = (uint64_t)length * 0x9E3779B97F4A7C15u + (uint64_t)kind, piece;
    for (at_t i = 0; i + 8 < length; i += 8) {
        memcpy(&piece, text + i, 8);
        hash = (hash ^ piece) * 0x9FB21C651E98DF25u;
        hash ^= hash >> 32;
    }
    piece = 0;
    if (length >= 8) memcpy(&piece, text + length - 8, 8); /* some bytes twice, rather than one by one */
    else for (at_t i = 0; i < length; i++) piece = piece << 8 | text[i];
    hash = (hash ^ piece) * 0x9FB21C651E98DF25u;
    return (uint32_t)(hash >> 32 ^ hash >> 12);
}

static void memo_add(Rewriter *self, uint32_t hash, int kind, const uint8_t *text, at_t length, const uint8_t *new, at_t new_length)
{
    if (new_length > 1024) return;
    if (self->memo_count >= MEMO_MOST || self->arena_used + (uint32_t)(length + new_length) > ARENA) {
        memset(self->memo, 0, MEMO_SLOTS * sizeof(Memo));
        self->memo_count = self->arena_used = 0;
    }
    uint32_t slot = hash;
    while (self->memo[slot % MEMO_SLOTS].length) slot++;
    Memo entry = {hash, self->arena_used, (uint16_t)length, (uint16_t)new_length, (uint8_t)kind};
    self->memo[slot % MEMO_SLOTS] = entry;
    memcpy(self->arena + self->arena_used, text, (size_t)length);
    memcpy(self->arena + self->arena_used + length, new, (size_t)new_length);
    self->arena_used += (uint32_t)(length + new_length);
    self->memo_count++;
}

static int ask(Region *r, int kind, const uint8_t *text, at_t length, uint32_t hash)
{
    Rewriter *self = r->self;
    PyObject *word = PyBytes_FromStringAndSize((const char *)text, length);
    if (!word) return -1;
    PyObject *new = PyObject_CallFunctionObjArgs(self->resolve, self->kinds[kind], word, NULL);
    Py_DECREF(word);
    if (!new) return -1;
    if (!PyBytes_Check(new)) {
        Py_DECREF(new);
        PyErr_SetString(PyExc_TypeError, "resolve must give bytes");
        return -1;
    }
    const uint8_t *fresh = (const uint8_t *)PyBytes_AS_STRING(new);
    at_t size = PyBytes_GET_SIZE(new);
    memo_add(self, hash, kind, text, length, fresh, size);
    int failed = write_out(r, fresh, size);
    if (size != length || memcmp(fresh, text, (size_t)length)) r->counts[kind]++;
    Py_DECREF(new);
    return failed;
}

static int write_standin(Region *r, const One *one)
{
    const uint8_t *text = r->data + one->start;
    at_t length = one->stop - one->start;
    if (one->new) {
        at_t size = PyBytes_GET_SIZE(one->new);
        if (size != length || memcmp(PyBytes_AS_STRING(one->new), text, (size_t)length)) r->counts[NAME]++;
        return write_out(r, (const uint8_t *)PyBytes_AS_STRING(one->new), size);
    }
    uint32_t hash = memo_hash(text, length, one->kind);
    Rewriter *self = r->self;
    for (uint32_t slot = hash;; slot++) {
        const Memo *memo = &self->memo[slot % MEMO_SLOTS];
        if (!memo->length) return ask(r, one->kind, text, length, hash);
        if (memo->hash != hash || memo->length != length || memo->kind != one->kind) continue;
        const uint8_t *known = self->arena + memo->offset;
        if (memcmp(known, text, (size_t)length)) continue;
        known += length;
        if (memo->new_length != length || memcmp(known, text, (size_t)length)) r->counts[one->kind]++;
        return write_out(r, known, memo->new_length);
    }
}

static int replace(Region *r, const One *one)
{
    if (one->start >= r->start) {
        if (write_out(r, r->data + r->at, one->start - r->at) < 0 || write_standin(r, one) < 0) return -1;
    }
    r->done = one->stop;
    r->at = most(r->at, one->stop);
    return 0;
}

/* ---- addresses ----------------------------------------------------------------------------------------------------------------- */

static int hexes(const uint8_t *data, at_t at, int count, at_t hi)
{
    if (at + count > hi) return 0;
    for (int i = 0; i < count; i++)
        if (!IS(data[at + i], HEX)) return 0;
    return 1;
}

static at_t adjusted(const uint8_t *data, at_t lo, at_t hi, at_t at)
{
    if (at <= lo || at >= hi) return at;
    uint8_t before = data[at - 1], first = data[at];
    if (before == '\\') {
        if (first == 'n' || first == 'r' || first == 't' || first == 'b' || first == 'f') return at + 1;
        int length = first == 'u' ? 4 : first == 'x' ? 2 : 0;
        return length && hexes(data, at + 1, length, hi) ? at + 1 + length : at;
    }
    return before == '%' && hexes(data, at, 2, hi) ? at + 2 : at;
}

static at_t quad(const uint8_t *data, at_t at, at_t end, uint8_t sign)
{
    for (int count = 0; count < 4; count++) {
        at_t first = at;
        int number = 0;
        while (at < end && at - first < 3 && IS(data[at], DIGIT)) number = number * 10 + data[at++] - '0';
        if (at == first || (data[first] == '0' && at - first > 1) || number > 255) return 0;
        if (count < 3) {
            if (at >= end || data[at] != sign) return 0;
            at++;
        }
    }
    return at;
}

static int in_set(uint8_t byte, const char *set) { return byte && strchr(set, byte) != NULL; }

static int versionish(const Region *r, at_t start, at_t stop)
{
    const uint8_t *data = r->data;
    at_t at = start;
    while (at > r->lo && start - at < 4 && IS(data[at - 1], APART)) at--;
    at_t first = at;
    while (first > r->lo && at - first < 16 && IS(data[first - 1], LETTER)) first--;
    int whole = first == r->lo || !IS(data[first - 1], LABEL); /* not the end of a stand-in */
    if (at > first && whole && table_value(&r->self->versions, data + first, at - first) >= 0) return 1;
    if (at - first >= 7 && same_folded(data + at - 7, (const uint8_t *)"version", 7)) return 1;
    if (start - 1 <= r->lo || data[start - 1] != '/') return 0;
    first = start - 1;
    while (first > r->lo && start - first < 32 && IS(data[first - 1], LABEL)) first--;
    if ((first > r->lo && IS(data[first - 1], PATH)) || byte_at(r, stop) == ':') return 0;
    if (!IS(data[first], UPPER) || first + 1 >= start - 1) return 0;
    return IS(data[first + 1], LOWER) || memcmp(data + stop - 4, ".0.0", 4) == 0;
}

/* 1: found; 0: none, but a row of numbers; -1: something else */
static int numbers(const Region *r, at_t start, at_t stop, Found *found)
{
    const uint8_t *data = r->data;
    at_t first = quad(data, start, stop, '.');
    if (!first) return -1;
    if (first == stop) {
        int follows = byte_at(r, stop);
        if (follows != '+' && follows != '~' && !versionish(r, start, stop)) add(found, start, stop, IPV4);
        return 1;
    }
    if (data[first] == '-' && quad(data, first + 1, stop, '.') == stop) {
        add(found, start, first, IPV4);
        add(found, first + 1, stop, IPV4);
        return 1;
    }
    at_t count = stop - first - 1;
    if (data[first] != '.' || count < 1 || count > 5) return -1;
    for (at_t i = first + 1; i < stop; i++)
        if (!IS(data[i], DIGIT)) return -1;
    int follows = stop + 3 <= r->hi && memcmp(data + stop, " > ", 3) == 0;
    if (!follows && !(start - 2 >= r->lo && memcmp(data + start - 2, "> ", 2) == 0)) return -1;
    add(found, start, first, IPV4);
    return 1;
}

static int threes(const uint8_t *data, at_t start)
{
    int letters = 0;
    for (int i = 0; i < 14; i++) {
        uint8_t byte = data[start + i];
        if (i == 4 || i == 9) {
            if (byte != '.') return 0;
        } else {
            if (!IS(byte, HEX)) return 0;
            letters |= IS(byte, LETTER);
        }
    }
    return letters != 0;
}

/* ---- names with dots ----------------------------------------------------------------------------------------------------------- */

typedef struct { int count; at_t from[132], to[132]; } Labels;

static int cut_labels(const uint8_t *data, at_t start, at_t end, Labels *labels)
{
    labels->count = 0;
    at_t from = start;
    for (at_t i = start; i <= end; i++) {
        if (i < end && data[i] != '.') continue;
        if (i == from || labels->count >= 130) return 0;
        labels->from[labels->count] = from;
        labels->to[labels->count++] = i;
        from = i + 1;
    }
    return labels->count;
}

static int table_has(const Table *table, const uint8_t *data, const Labels *labels, int number)
{
    return table_value(table, data + labels->from[number], labels->to[number] - labels->from[number]);
}

static int accepted(const Region *r, at_t start, at_t end, const Labels *labels)
{
    const Rewriter *self = r->self;
    const uint8_t *data = r->data;
    int strength = -1, count = labels->count;
    for (int depth = 1; depth <= self->depth && depth <= count; depth++) {
        at_t from = labels->from[count - depth];
        int value = table_value(&self->suffixes, data + from, end - from);
        if (value > strength) strength = value;
    }
    if (strength < 0 || table_has(&self->extensions, data, labels, count - 2) >= 0) return 0;
    int mail = byte_at(r, start - 1) == '@';
    int place = mail || (byte_at(r, start - 1) == '/' && byte_at(r, start - 2) == '/');
    int www = labels->to[0] - labels->from[0] == 3 && same_folded(data + start, (const uint8_t *)"www", 3);
    int sure = strength == 3 || place || www, upper = 0, lower = 0, marked = 0, upper_last = 0;
    for (at_t i = start; i < end; i++) {
        upper |= IS(data[i], UPPER);
        lower |= IS(data[i], LOWER);
        if (i >= labels->from[count - 1]) upper_last |= IS(data[i], UPPER);
        else marked |= IS(data[i], DIGIT | HYPHEN);
    }
    if (upper && lower) return !upper_last && sure && (count > 2 || place);
    if (upper) return strength == 3;
    if (!sure && table_has(&self->suffixes, data, labels, 0) >= 0) return 0;
    int longer = count > 2;
    return sure || (strength == 2 && (longer || marked)) || (strength == 1 && marked) || (strength == 0 && longer && marked);
}

static int rest_of_file(const Rewriter *self, const uint8_t *data, const Labels *labels, int from)
{
    for (int number = from; number < labels->count; number++) {
        int digits = 1;
        for (at_t i = labels->from[number]; i < labels->to[number]; i++) digits = digits && IS(data[i], DIGIT);
        if (!digits && table_has(&self->extensions, data, labels, number) < 0) return 0;
    }
    return 1;
}

/* Whether the labels up to this one are a name, as far as can be said before a file's ending. */
static int name_before(const Rewriter *self, const uint8_t *data, const Labels *labels, int number, at_t cut)
{
    int strength = table_value(&self->suffixes, data + labels->from[number], cut - labels->from[number]), marked = 0;
    if (strength != 2 || number > 1) return strength >= 2;
    for (at_t i = labels->from[0]; i < labels->from[number]; i++) marked |= IS(data[i], DIGIT | HYPHEN);
    return marked;
}

static at_t before_file(const Rewriter *self, const uint8_t *data, at_t start, at_t end, const Labels *labels)
{
    int file = table_has(&self->extensions, data, labels, labels->count - 1) >= 0, joined = 0;
    for (at_t i = start; i < end && !file && !joined; i++) joined = IS(data[i], HYPHEN | UNDER);
    if (!file && !joined) return 0;
    for (int number = 1; number < labels->count; number++) {
        at_t from = labels->from[number], to = labels->to[number], cut = from;
        while (cut < to && !IS(data[cut], HYPHEN | UNDER)) cut++;
        if (cut == to && !file) continue;
        if (!name_before(self, data, labels, number, cut)) continue;
        if (cut < to || rest_of_file(self, data, labels, number + 1)) return cut;
    }
    return 0;
}

/* Whether the last label ends no suffix and no file's name, and nothing is joined by a hyphen: most runs, soon seen. */
static int hopeless(const Rewriter *self, const uint8_t *data, at_t start, at_t end)
{
    at_t last = end;
    while (last > start && data[last - 1] != '.') last--;
    if (end - last <= self->longest_end && table_value(&self->ends, data + last, end - last) >= 0) return 0;
    for (at_t i = start; i < end; i++)
        if (IS(data[i], HYPHEN | UNDER)) return 0;
    return 1;
}

static int fqdn(const Region *r, at_t start, at_t end, Found *found)
{
    const uint8_t *data = r->data;
    Labels labels;
    while (start < end && IS(data[start], DOT | HYPHEN)) start++;
    while (end > start && IS(data[end - 1], DOT | HYPHEN | UNDER)) end--;
    if (end - start > LONGEST_NAME || byte_at(r, end) == '(' || hopeless(r->self, data, start, end)) return 0;
    if (cut_labels(data, start, end, &labels) < 2 || table_has(&r->self->packages, data, &labels, 0) >= 0) return 0;
    at_t stop = accepted(r, start, end, &labels) ? end : before_file(r->self, data, start, end, &labels);
    if (stop) add(found, start, stop, HOST);
    return stop != 0;
}

static void run_around(const Region *r, at_t at, at_t *from, at_t *to)
{
    const uint8_t *data = r->data;
    at_t start = at, end = at, low = most(most(r->lo, r->done), at - LONGEST_NAME - 2);
    while (start > low && IS(data[start - 1], RUN)) start--;
    at_t high = least(r->hi, start + LONGEST_NAME + 3);
    while (end < high && IS(data[end], RUN)) end++;
    *from = end - start > LONGEST_NAME + 2 ? end : adjusted(data, r->lo, r->hi, start);
    *to = end;
}

/* Whether a dot joins labels; one between digits does so only if another is near: 0.118 is a number. */
static int joins(const Region *r, at_t at)
{
    if (!is_at(r, at - 1, LABEL) || !is_at(r, at + 1, LABEL)) return 0;
    if (!IS(r->data[at - 1], DIGIT) || !IS(r->data[at + 1], DIGIT)) return 1;
    for (at_t i = at + 2; i < at + 6; i++)
        if (byte_at(r, i) == '.') return 1;
    return 0;
}

static void dotted(Region *r, at_t at, Found *found)
{
    const uint8_t *data = r->data;
    at_t start, end;
    if (at < r->dots || !joins(r, at)) return;
    run_around(r, at, &start, &end);
    r->dots = most(end, at + 1);
    if (start >= at) return;
    at_t stop = end;
    while (stop > start && data[stop - 1] == '.') stop--;
    if (IS(data[start], DIGIT)) {
        if (numbers(r, start, stop, found) >= 0) return;
        at_t i = start;
        while (i < stop && !IS(data[i], LETTER)) i++;
        if (i == stop) return;
    }
    if (stop - start == 14 && threes(data, start)) {
        add(found, start, stop, MAC);
        return;
    }
    if (fqdn(r, start, end, found)) return;
    at_t label = quad(data, start, stop, '-');
    if (label && label < stop && data[label] == '.') add(found, start, label, IPV4);
}

/* ---- colons and hyphens -------------------------------------------------------------------------------------------------------- */

static int is_group(uint8_t byte) { return byte == ':' || IS(byte, HEX); }

static at_t last_colon(const uint8_t *data, at_t start, at_t end)
{
    while (end > start && data[end - 1] != ':') end--;
    return end - 1 >= start && end > start ? end - 1 : -1;
}

static int opens(const Region *r, at_t at)
{
    at_t end = at + 1;
    while (end - at < 5 && is_at(r, end, HEX)) end++;
    return byte_at(r, end) == ':' && (end == at + 1 || is_at(r, at - 1, HEX));
}

static at_t left(const Region *r, at_t start, at_t end)
{
    const uint8_t *data = r->data;
    at_t first = start, low = most(r->lo, start - 8);
    while (first > low && IS(data[first - 1], WORD)) first--;
    at_t real = adjusted(data, r->lo, r->hi, first);
    if (real > first && real >= start) return least(real, end);
    if (first == start) return start;
    for (at_t i = start; i < end; i++)
        if (data[i] == ':') return byte_at(r, i + 1) != ':' ? i + 1 : end;
    return end;
}

static at_t tail_quad(const Region *r, at_t start, at_t end)
{
    if (byte_at(r, end) != '.' || end <= start) return 0;
    at_t stop = quad(r->data, last_colon(r->data, start, end) + 1, r->hi, '.');
    if (!stop || is_at(r, stop, LABEL) || (byte_at(r, stop) == '.' && is_at(r, stop + 1, LABEL))) return 0;
    return stop;
}

static int all_pairs(const uint8_t *data, at_t start, at_t end)
{
    if ((end - start) % 3 != 2) return 0;
    for (at_t i = start; i < end; i++)
        if ((data[i] == ':') != ((i - start) % 3 == 2)) return 0;
    return 1;
}

static void pairs(const Region *r, at_t start, at_t end, Found *found)
{
    const uint8_t *data = r->data;
    at_t count = (end - start + 1) / 3;
    if (count == 6) {
        if (is_at(r, start - 1, DOT | HYPHEN) || (byte_at(r, end) == '-' && is_at(r, end + 1, HEX))) return;
        add(found, start, end, MAC);
    } else if (count == 14 && start - 4 >= r->lo && same_folded(data + start - 4, (const uint8_t *)"mac=", 4)) {
        add(found, start, start + 17, MAC);
        add(found, start + 18, start + 35, MAC);
    } else if ((count == 14 && memcmp(data + start, "00:01:00:01", 11) == 0) || (count == 10 && memcmp(data + start, "00:03:00:01", 11) == 0)) {
        add(found, end - 17, end, MAC);
    }
}

static void six(const Region *r, at_t start, at_t end, int four, Found *found)
{
    const uint8_t *data = r->data;
    int groups = 0, gaps = 0, longest = 0, digits = 0;
    at_t first = 0, at = start;
    for (at_t i = start; i < end; i++) digits |= IS(data[i], DIGIT);
    if (data[start] == ':') {
        if (end - start < 2 || data[start + 1] != ':') return;
        gaps = 1;
        at = start + 2;
    }
    while (at < end) {
        at_t from = at;
        while (at < end && data[at] != ':') at++;
        at_t length = at - from;
        if (!length) return;
        groups++;
        if (!(four && at == end)) {
            if (length > 4) return;
        }
        if (from == start) first = length;
        if (length > longest) longest = (int)length;
        if (at >= end) break;
        at++;
        if (at < end && data[at] == ':') {
            if (gaps++) return;
            at++;
        } else if (at >= end) {
            return;
        }
    }
    int count = groups + four, good;
    if (gaps ? count >= 8 : count != 8) return;
    if (!gaps || four) good = four || longest > 2;
    else if (data[start] == ':') good = groups == 3 && same_folded(data + start + 2, (const uint8_t *)"ffff:", 5);
    else good = first > 2 && digits;
    if (good) add(found, start, end, IPV6);
}

static void coloned(Region *r, at_t at, Found *found)
{
    const uint8_t *data = r->data;
    if (at < r->colons || !opens(r, at)) return;
    at_t start = at, end = at;
    int gap = 0;
    while (start > r->lo && is_group(data[start - 1])) start--;
    for (; end < r->hi && is_group(data[end]); end++) gap |= data[end] == ':' && end > start && data[end - 1] == ':';
    r->colons = end;
    if (!gap && end - start < 13) return; /* a time: too short for six groups */
    start = left(r, start, end);
    if (is_at(r, end, WORD)) end = most(last_colon(data, start, end), start);
    at_t tail = tail_quad(r, start, end);
    if (tail) end = tail;
    if (end - start > 1 && data[end - 1] == ':' && data[end - 2] != ':') end--;
    if (end - start > 1 && data[start] == ':' && data[start + 1] != ':') start++;
    if (end - start > 59 || end - start < 4) return;
    if (!tail && all_pairs(data, start, end)) pairs(r, start, end, found);
    else six(r, start, end, tail != 0, found);
}

static void dashed(const Region *r, at_t at, Found *found)
{
    const uint8_t *data = r->data;
    at_t start = at - 2;
    if (start < r->lo || start < r->done || start + 17 > r->hi) return;
    for (int i = 0; i < 17; i++)
        if (i % 3 == 2 ? data[start + i] != '-' : !IS(data[start + i], HEX)) return;
    int follows = byte_at(r, start + 17);
    if (is_at(r, start + 17, HEX) || ((follows == ':' || follows == '-') && is_at(r, start + 18, HEX))) return;
    if (is_at(r, start - 1, HEX)) {
        at_t first = start;
        while (first > most(r->lo, start - 8) && IS(data[first - 1], WORD)) first--;
        if (adjusted(data, r->lo, r->hi, first) != start) return;
    } else if (is_at(r, start - 1, DOT | HYPHEN) || byte_at(r, start - 1) == ':') {
        return;
    }
    add(found, start, start + 17, MAC);
}

/* ---- words --------------------------------------------------------------------------------------------------------------------- */

static at_t value_end(const Region *r, at_t at, at_t longest)
{
    at_t end = at, limit = least(r->hi, at + longest + 1);
    if (!is_at(r, at, WORD)) return at;
    while (end < limit && IS(r->data[end], VALUE)) end++;
    if (end - at > longest) return at;
    while (end > at && IS(r->data[end - 1], DOT | HYPHEN)) end--;
    return end;
}

static int no_lower(const uint8_t *text, at_t length)
{
    for (at_t i = 0; i < length; i++)
        if (IS(text[i], LOWER)) return 0;
    return 1;
}

static int behind(const Region *r, at_t end, Found *found)
{
    at_t at = end;
    while (byte_at(r, at) == '\\' && at - end < 4) at++;
    if (at == end || !is_at(r, at, LETTER) || (at == end + 1 && in_set(r->data[at], "nrtbfux"))) return 0;
    at_t stop = value_end(r, at, LONGEST_USER);
    if (stop <= at + 1) return 0;
    add(found, at, stop, USER);
    return 1;
}

static int longer(Region *r, at_t at, at_t end, Found *found)
{
    at_t dot = end;
    while (dot < r->hi && dot - end < LONGEST_NAME && IS(r->data[dot], LABEL)) dot++;
    if (byte_at(r, dot) != '.' || dot < r->dots) return 0;
    Found whole;
    whole.count = 0;
    dotted(r, dot, &whole);
    for (int i = 0; i < whole.count; i++)
        if (whole.one[i].kind == HOST && whole.one[i].start <= at) {
            found->one[found->count++] = whole.one[i];
            return 1;
        }
    return 0;
}

static void made_of_address(Region *r, at_t at, Found *found)
{
    const uint8_t *data = r->data;
    if (same_folded(data + at, (const uint8_t *)"enx", 3)) {
        if (hexes(data, at + 3, 12, r->hi) && !is_at(r, at + 15, WORD)) add(found, at + 3, at + 15, MAC);
        return;
    }
    if (!same_folded(data + at, (const uint8_t *)"ip-", 3)) return;
    at_t end = quad(data, at + 3, r->hi, '-');
    if (!end || is_at(r, end, LABEL)) return;
    if (!longer(r, at, end, found)) add(found, at + 3, end, IPV4);
}

static void name(Region *r, at_t at, Found *found)
{
    Rewriter *self = r->self;
    const uint8_t *data = r->data;
    at_t stop = least(r->hi, at + self->longest), end = 0;
    uint32_t hash = HASH_START;
    const Entry *entry = NULL;
    for (at_t i = at; i < stop; i++) {
        hash = HASH_STEP(hash, folded[data[i]]);
        if (i - at < 2 || is_at(r, i + 1, WORD)) continue;
        const Entry *one = table_find(&self->names, hash, data + at, i + 1 - at);
        if (one) {
            entry = one;
            end = i + 1;
        }
    }
    if (!entry || longer(r, at, end, found)) return;
    int plain = end - at < 6;
    for (at_t i = at; i < end && plain; i++) plain = IS(data[i], LETTER);
    if (plain && (byte_at(r, end) == '-' || byte_at(r, at - 1) == '-')) return;
    add(found, at, end, NAME);
    found->one[0].new = PyList_GET_ITEM(self->standins, entry->value);
    if (no_lower(data + at, end - at)) behind(r, end, found);
}

static at_t quotes(const Region *r, at_t at, const char *signs)
{
    at_t end = at;
    while (byte_at(r, end) == '\\' && end - at < 7) end++;
    int sign = byte_at(r, end);
    return sign > 0 && strchr(signs, sign) ? end + 1 : at;
}

static at_t blanks(const Region *r, at_t at)
{
    at_t end = at;
    while ((byte_at(r, end) == ' ' || byte_at(r, end) == '\t') && end - at < 8) end++;
    return end;
}

static void key(const Region *r, at_t at, const Place *place, Found *found)
{
    const uint8_t *data = r->data;
    at_t name_end = quotes(r, at + place->head.length, "\"'"), sign = blanks(r, name_end);
    if (byte_at(r, sign) != ':' && byte_at(r, sign) != '=') return;
    int empty = data[sign] == '=' && sign == name_end; /* `ruser= rhost=x`: a blank ends the value */
    at_t bare = empty ? sign + 1 : blanks(r, sign + 1), start = quotes(r, bare, "\"'<");
    at_t stop = value_end(r, start, place->kind == HOST ? LONGEST_NAME : LONGEST_USER);
    int follows = byte_at(r, stop);
    if (stop == start || (follows > 0 && strchr("([{$=", follows))) return;
    if (data[sign] == ':' && start == bare && follows >= 0 && !(follows && strchr("\n\r,;}])", follows))) return;
    if (place->kind == HOST) {
        for (at_t i = stop + 1; follows == ':' && i < stop + 6; i++)
            if (byte_at(r, i) == ':') return;
        add(found, start, stop, HOST);
        return;
    }
    add(found, start, stop, USER);
    if (no_lower(data + start, stop - start) && behind(r, stop, found)) found->one[0].kind = DOMAIN_;
}

static int follows_text(const Region *r, at_t at, const Short *text)
{
    if (at >= r->hi) return text->length == 1 && text->text[0] == '\n';
    return at + text->length <= r->hi && memcmp(r->data + at, text->text, (size_t)text->length) == 0;
}

static void phrase(const Region *r, at_t at, const Place *place, Found *found)
{
    at_t before = at - place->before.length, start = at + place->head.length;
    if (before < r->lo || memcmp(r->data + before, place->before.text, (size_t)place->before.length)) return;
    if (place->head.text[place->head.length - 1] == ' ') start = blanks(r, start);
    at_t stop = value_end(r, start, LONGEST_USER);
    if (stop == start) return;
    int good = place->after_from == place->after_to;
    for (int i = place->after_from; i < place->after_to && !good; i++) good = follows_text(r, stop, &r->self->afters[i]);
    if (good) add(found, start, stop, place->kind);
}

static void id(const Region *r, at_t at, const Place *place, Found *found)
{
    at_t end = at + place->head.length;
    if (byte_at(r, end) != '=') return;
    end++;
    while (is_at(r, end, DIGIT) && end - at < 20) end++;
    if (byte_at(r, end) != '(') return;
    at_t stop = value_end(r, end + 1, LONGEST_USER);
    if (stop > end + 1 && byte_at(r, stop) == ')') add(found, end + 1, stop, place->kind);
}

static void back(const Region *r, at_t at, const Place *place, Found *found)
{
    const uint8_t *data = r->data;
    at_t stop = at - place->before.length, low = most(r->lo, r->done);
    if (stop < low || memcmp(data + stop, place->before.text, (size_t)place->before.length)) return;
    at_t start = stop;
    low = most(low, stop - LONGEST_USER);
    while (start > low && IS(data[start - 1], VALUE)) start--;
    if (start == stop || !IS(data[start], WORD) || (start > r->lo && !IS(data[start - 1], OPENS))) return;
    add(found, start, stop, place->kind);
}

static int escaped(const Region *r, at_t at)
{
    static const int lengths[] = {1, 2, 3, 5};
    for (int i = 0; i < 4; i++) {
        at_t from = at - lengths[i];
        if (from > r->lo && (r->data[from - 1] == '\\' || r->data[from - 1] == '%') && adjusted(r->data, r->lo, r->hi, from) == at) return 1;
    }
    return 0;
}

/* The next eight bytes with `| 32`, zeros behind the end: enough to see that a head does not stand here. */
static inline uint64_t eight_of(const uint8_t *text, at_t length)
{
    uint64_t eight = 0;
    if (length >= 8) memcpy(&eight, text, 8);
    else memcpy(&eight, text, (size_t)length);
    return eight | 0x2020202020202020u;
}

static void word(Region *r, at_t at, Found *found)
{
    Rewriter *self = r->self;
    if (at + 3 > r->hi || (at > r->lo && IS(r->data[at - 1], WORD) && !escaped(r, at))) return;
    uint32_t bit = cell(four_of(r->data + at, r->hi - at));
    int known = self->begins[bit];
    if (known & 4) made_of_address(r, at, found);
    if (!found->count && known & 2) name(r, at, found);
    if (!(known & 1)) return;
    for (int number = self->first_place[three(r->data + at)]; number >= 0 && !found->count; number = self->places[number].next) {
        const Place *place = &self->places[number];
        if ((eight_of(r->data + at, r->hi - at) & place->care) != place->eight || at + place->head.length > r->hi) continue;
        if (place->head.length > 8 && !same_folded(r->data + at + 8, place->head.text + 8, place->head.length - 8)) continue;
        if (!same_folded(r->data + at, place->head.text, least(place->head.length, 8))) continue;
        if (place->shape == KEY) key(r, at, place, found);
        else if (place->shape == PHRASE) phrase(r, at, place, found);
        else if (place->shape == ID) id(r, at, place, found);
        else back(r, at, place, found);
    }
}

/* ---- the host of a line of syslog ---------------------------------------------------------------------------------------------- */

#define AT(i, what) IS(data[i], what)
#define TWO(i) (AT(i, DIGIT) && AT((i) + 1, DIGIT))
#define CLOCK(i) (TWO(i) && data[(i) + 2] == ':' && TWO((i) + 3) && data[(i) + 5] == ':' && TWO((i) + 6))

/* `Mar 10 00:00:00 ` */
static int old_stamp(const uint8_t *data)
{
    return data[3] == ' ' && data[6] == ' ' && data[15] == ' ' && AT(0, UPPER) && AT(1, LOWER) && AT(2, LOWER) &&
           (data[4] == ' ' || AT(4, DIGIT)) && AT(5, DIGIT) && CLOCK(7);
}

/* `2024-03-10T00:00:00` */
static int new_stamp(const uint8_t *data)
{
    return data[4] == '-' && data[7] == '-' && data[10] == 'T' && TWO(0) && TWO(2) && TWO(5) && TWO(8) && CLOCK(11);
}

static at_t stamp(const Region *r, at_t at, int *strict)
{
    const uint8_t *data = r->data;
    int new = 0;
    if (byte_at(r, at) == '<') {
        at_t end = at + 1;
        while (is_at(r, end, DIGIT) && end - at < 4) end++;
        if (byte_at(r, end) != '>') return 0;
        at = end + 1;
        if (byte_at(r, at) == '1' && byte_at(r, at + 1) == ' ') {
            at += 2;
            new = 1;
        }
    }
    if (at + 21 >= r->hi) return 0;
    if (old_stamp(data + at)) {
        *strict = 0;
        return at + 16;
    }
    if (new_stamp(data + at)) {
        at_t end = at + 19;
        while (end - at < 40 && is_at(r, end, ZONE)) end++;
        *strict = new ? -1 : 1;
        return byte_at(r, end) == ' ' ? end + 1 : 0;
    }
    return 0;
}

static void syslog_host(const Region *r, at_t at, Found *found)
{
    int strict = 0;
    at_t start = stamp(r, at, &strict), end = start ? value_end(r, start, LONGEST_NAME) : 0;
    if (!start || end == start || byte_at(r, end) != ' ' || r->data[end - 1] == '$') return;
    if (strict >= 0) {
        at = end + 1;
        while (at - end < 65 && is_at(r, at, PROGRAM)) at++;
        int sign = byte_at(r, at);
        if (at == end + 1 || (sign != '[' && (strict || sign != ':'))) return;
    }
    add(found, start, end, HOST);
}

/* ---- one pass ------------------------------------------------------------------------------------------------------------------ */

typedef struct { uint64_t word, dot, colon, dash, newline, escape, hex, digit, letter, high; } Masks;

/* The masks of a block. The three ways give the same; the module chooses when it is loaded. */
static void masks_plain(const uint8_t *text, Masks *masks)
{
    memset(masks, 0, sizeof *masks);
    for (int i = 0; i < 64; i++) {
        uint64_t bit = 1ull << i;
        int is = classes[text[i]];
        if (is & WORD) masks->word |= bit;
        if (is & HEX) masks->hex |= bit;
        if (is & LETTER) masks->letter |= bit;
        if (is & HIGH) masks->high |= bit;
        if (is & DIGIT) masks->digit |= bit;
        if (is & DOT) masks->dot |= bit;
        if (is & HYPHEN) masks->dash |= bit;
        if (text[i] == ':') masks->colon |= bit;
        if (text[i] == '\n') masks->newline |= bit;
        if (text[i] == '\\' || text[i] == '%') masks->escape |= bit;
    }
}

static void (*masks_of)(const uint8_t *text, Masks *masks) = masks_plain;

#if defined(__SSE2__)
/* One piece of a block, as wide as a register: `SET` repeats a byte, `MIN`, `SUB`, `EQUAL`, `OR` work on bytes, `BITS` takes their first bits. */
#define UP_TO(bytes, from, count) EQUAL(MIN(SUB(bytes, SET(from)), SET((count)-1)), SUB(bytes, SET(from)))
#define PIECE(bytes, i)                                                                                                                     \
    do {                                                                                                                                    \
        VECTOR small = OR(bytes, SET(32)), digit = UP_TO(bytes, '0', 10), letter = UP_TO(small, 'a', 26);                                   \
        m.letter |= BITS(letter) << (i);                                                                                                    \
        m.high |= BITS(bytes) << (i);                                                                                                       \
        m.word |= BITS(OR(OR(letter, digit), OR(bytes, EQUAL(bytes, SET('_'))))) << (i);                                                    \
        m.hex |= BITS(OR(UP_TO(small, 'a', 6), digit)) << (i);                                                                              \
        m.digit |= BITS(digit) << (i);                                                                                                      \
        m.dot |= BITS(EQUAL(bytes, SET('.'))) << (i);                                                                                       \
        m.colon |= BITS(EQUAL(bytes, SET(':'))) << (i);                                                                                     \
        m.dash |= BITS(EQUAL(bytes, SET('-'))) << (i);                                                                                      \
        m.newline |= BITS(EQUAL(bytes, SET('\n'))) << (i);                                                                                  \
        m.escape |= BITS(OR(EQUAL(bytes, SET('\\')), EQUAL(bytes, SET('%')))) << (i);                                                       \
    } while (0)

#define VECTOR __m128i
#define SET(byte) _mm_set1_epi8(byte)
#define MIN _mm_min_epu8
#define SUB _mm_sub_epi8
#define EQUAL _mm_cmpeq_epi8
#define OR _mm_or_si128
#define BITS(mask) ((uint64_t)(uint32_t)_mm_movemask_epi8(mask))
static void masks_sse2(const uint8_t *text, Masks *masks)
{
    Masks m = {0};
    for (int i = 0; i < 64; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        PIECE(bytes, i);
    }
    *masks = m;
}
#undef VECTOR
#undef SET
#undef MIN
#undef SUB
#undef EQUAL
#undef OR
#undef BITS

#define VECTOR __m256i
#define SET(byte) _mm256_set1_epi8(byte)
#define MIN _mm256_min_epu8
#define SUB _mm256_sub_epi8
#define EQUAL _mm256_cmpeq_epi8
#define OR _mm256_or_si256
#define BITS(mask) ((uint64_t)(uint32_t)_mm256_movemask_epi8(mask))
__attribute__((target("avx2"))) static void masks_avx2(const uint8_t *text, Masks *masks)
{
    Masks m = {0};
    __m256i one = _mm256_loadu_si256((const __m256i *)(const void *)text), two = _mm256_loadu_si256((const __m256i *)(const void *)(text + 32));
    PIECE(one, 0);
    PIECE(two, 32);
    *masks = m;
}

static void choose_masks(void) { masks_of = processor_has(CPU_AVX2) ? masks_avx2 : masks_sse2; }
#else
static void choose_masks(void) {}
#endif

static int visit(Region *r, at_t place)
{
    const uint8_t *data = r->data;
    uint8_t byte = data[place];
    if (byte == '.' && place < r->dots) return 0;
    Found found;
    found.count = 0;
    if (byte == '.') dotted(r, place, &found);
    else if (byte == ':') coloned(r, place, &found);
    else if (byte == '-') dashed(r, place, &found);
    else {
        if (place == 0 || data[place - 1] == '\n') syslog_host(r, place, &found);
        if (!found.count && IS(byte, WORD)) word(r, place, &found);
    }
    for (int i = 0; i < found.count; i++) {
        const One *one = &found.one[i];
        if (one->start < r->done) continue;
        if (one->start >= r->end) r->done = one->stop; /* the next part's */
        else if (replace(r, one) < 0) return -1;
    }
    return 0;
}

typedef struct { uint64_t word, escape, newline, dash, hex, digit, late; } Carry;

/* Places behind which so many of the marked ones follow, each two to five places behind the other; those near the end may be. */
static inline uint64_t row_of(uint64_t marked, int count)
{
    while (count--) marked = marked >> 2 | marked >> 3 | marked >> 4 | marked >> 5 | 31ull << 59;
    return marked;
}

/* Of the words' beginnings in a block (67 bytes can be read) those of names and places, perhaps. */
static inline uint64_t known_begins(const Rewriter *self, const uint8_t *text, uint64_t starts)
{
    uint64_t found = 0;
    for (; starts; starts &= starts - 1) {
        int place = __builtin_ctzll(starts);
        uint32_t four;
        memcpy(&four, text + place, 4);
        uint32_t bit = cell(four);
        if (self->begins[bit]) found |= 1ull << place;
    }
    return found;
}

/* Where in a block something may begin; a superset of the places where something does. */
static uint64_t places_of(const Region *r, at_t from, const Masks *m, Carry *carry)
{
    const Rewriter *self = r->self;
    uint64_t starts = m->word & ~(m->word << 1 | carry->word), after = m->word >> 1 | 1ull << 63;
    uint64_t found = carry->late | ((m->newline << 1 | carry->newline) & ~m->newline);
    uint64_t plain = ~(m->digit << 1 | carry->digit) | ~(m->digit >> 1 | 1ull << 63);
    found |= m->dot & ((m->word | m->dash) << 1 | carry->word | carry->dash) & (after | m->dash >> 1) & (plain | row_of(m->dot, 1));
    uint64_t twice = m->colon & (m->colon >> 1 | 1ull << 63);
    found |= twice | (m->colon & (m->hex << 1 | carry->hex) & (row_of(twice, 1) | row_of(m->colon, 2)));
    found |= m->dash & (m->dash >> 3 | 7ull << 61) & (m->hex << 1 | carry->hex);
    carry->late = 0;
    for (uint64_t rest = starts & (m->escape << 1 | carry->escape); rest; rest &= rest - 1) {
        at_t at = from + __builtin_ctzll(rest), real = adjusted(r->data, r->lo, r->hi, at);
        if (real - from < 64) found |= 1ull << (real - from);
        else carry->late |= 1ull << (real - from - 64);
    }
    Carry next = {m->word >> 63, m->escape >> 63, m->newline >> 63, m->dash >> 63, m->hex >> 63, m->digit >> 63, carry->late};
    *carry = next;
    if (from + 67 <= r->hi) return found | known_begins(self, r->data + from, starts);
    for (uint64_t rest = starts; rest; rest &= rest - 1) {
        int place = __builtin_ctzll(rest);
        uint32_t bit = cell(four_of(r->data + from + place, r->hi - from - place));
        if (self->begins[bit]) found |= 1ull << place;
    }
    return found;
}

/* Dots of runs that are soon seen to be no address and no name: short rows of numbers, and words of which the last ends no name.
 * Only runs that lie within the block are judged, and none with a hyphen or behind an escape. */
static uint64_t dull_dots(const Region *r, at_t from, const Masks *m, uint64_t dots)
{
    uint64_t run = (m->word & ~m->high) | m->dot | m->dash, plain = m->letter | m->digit | m->dot, dull = 0;
    while (dots) {
        int at = __builtin_ctzll(dots);
        uint64_t below = ~run & ((1ull << at) - 1), above = ~run >> at;
        int start = below ? 64 - __builtin_clzll(below) : 0, end = above ? at + __builtin_ctzll(above) : 64;
        uint64_t range = (end == 64 ? ~0ull : (1ull << end) - 1) & ~((1ull << start) - 1), joints = m->dot & range;
        dots &= ~range;
        uint8_t before = from + start > r->lo ? r->data[from + start - 1] : ' ';
        if (end == 64 || range & ~plain || before == '\\' || before == '%' || IS(before, RUN)) continue;
        if (!(range & m->letter)) {
            uint64_t more = joints & (joints - 1);
            if (!(more & (more - 1))) dull |= joints;
            continue;
        }
        int last = 64 - __builtin_clzll(joints), cisco = end - start == 14 && joints == (33ull << (start + 4));
        if (last == end || cisco) continue;
        const uint8_t *word = r->data + from + last;
        if (!(r->self->ends.lengths[folded[*word]] & length_bit(end - last)) || word[end - last] == '(') dull |= joints;
    }
    return dull;
}

static int pass(Region *r)
{
    Carry carry = {0};
    uint8_t padded[64];
    if (r->lo < r->end && visit(r, r->lo) < 0) return -1;
    at_t limit = least(r->hi, r->end + AHEAD);
    for (at_t from = r->lo; from < limit; from += 64) {
        const uint8_t *text = r->data + from;
        Masks masks;
        if (from + 64 > r->hi) {
            memset(padded, 0, sizeof padded);
            memcpy(padded, text, (size_t)(r->hi - from));
            text = padded;
        }
        masks_of(text, &masks);
        uint64_t found = places_of(r, from, &masks, &carry);
        if (from + 64 < r->hi) found &= ~dull_dots(r, from, &masks, found & masks.dot);
        if (limit - from < 64) found &= (1ull << (limit - from)) - 1;
        for (; found; found &= found - 1) {
            at_t place = from + __builtin_ctzll(found);
            if (place > r->lo && place >= r->done && visit(r, place) < 0) return -1;
        }
    }
    if (write_out(r, r->data + r->at, r->end - r->at) < 0) return -1;
    r->at = most(r->at, r->end);
    return 0;
}

static int region(Region *r, at_t lo, at_t hi, at_t end)
{
    r->lo = r->done = lo;
    r->hi = hi;
    r->end = end;
    r->dots = r->colons = 0;
    return pass(r);
}

static at_t sync_at(const uint8_t *data, at_t start)
{
    if (start == 0 || data[start - 1] == '\n') return start;
    at_t low = most(0, start - BACK_LOOK);
    for (at_t at = start; at > low; at--)
        if (data[at - 1] == '\n') return at;
    while (low && low < start && IS(data[low], RUN)) low++;
    return low;
}

static int spans_pass(Region *r, PyObject *spans, at_t length, at_t end)
{
    at_t lo = sync_at(r->data, r->start), before = 0;
    for (at_t i = 0; i < PySequence_Fast_GET_SIZE(spans); i++) {
        at_t first, last;
        PyObject *new, *span = PySequence_Fast_GET_ITEM(spans, i);
        if (!PyTuple_Check(span)) {
            PyErr_SetString(PyExc_TypeError, "a span is a tuple");
            return -1;
        }
        if (!PyArg_ParseTuple(span, "nnS", &first, &last, &new)) return -1;
        if (first < before || last < first || last > length) {
            PyErr_SetString(PyExc_ValueError, "spans must be sorted and disjoint");
            return -1;
        }
        before = last;
        if (first >= end || last <= lo) continue;
        if (first > lo && region(r, lo, first, first) < 0) return -1;
        if (first >= r->start && write_out(r, (const uint8_t *)PyBytes_AS_STRING(new), PyBytes_GET_SIZE(new)) < 0) return -1;
        r->at = most(r->at, last);
        lo = last;
    }
    return lo < end ? region(r, lo, length, end) : 0;
}

static PyObject *counted(const Region *r)
{
    PyObject *counts = PyDict_New();
    for (int kind = 0; counts && kind < KINDS; kind++) {
        if (!r->counts[kind]) continue;
        PyObject *count = PyLong_FromSsize_t(r->counts[kind]);
        if (!count || PyDict_SetItem(counts, r->self->kinds[kind], count) < 0) Py_CLEAR(counts);
        Py_XDECREF(count);
    }
    return counts;
}

static PyObject *rewriter_rewrite(PyObject *object, PyObject *args)
{
    Py_buffer view;
    at_t start, end;
    PyObject *given, *counts = NULL;
    if (!PyArg_ParseTuple(args, "y*nnO:rewrite", &view, &start, &end, &given)) return NULL;
    PyObject *spans = PySequence_Fast(given, "spans must be a sequence");
    Region r = {0};
    if (!spans) goto done;
    if (start < 0 || start > end || end > view.len) {
        PyErr_SetString(PyExc_ValueError, "the part lies outside of the text");
        goto done;
    }
    r.self = (Rewriter *)object;
    r.data = view.buf;
    r.start = r.at = start;
    r.out = PyBytes_FromStringAndSize(NULL, (end - start) + ((end - start) >> 3) + 256);
    if (r.out && spans_pass(&r, spans, view.len, end) == 0 && r.out && _PyBytes_Resize(&r.out, r.used) == 0) counts = counted(&r);
done:
    Py_XDECREF(spans);
    PyBuffer_Release(&view);
    if (!counts) {
        Py_XDECREF(r.out);
        return NULL;
    }
    return Py_BuildValue("(NN)", r.out, counts);
}

/* ---- making and unmaking ------------------------------------------------------------------------------------------------------- */

static int to_short(PyObject *text, Short *out)
{
    if (!PyBytes_Check(text) || PyBytes_GET_SIZE(text) > (at_t)sizeof out->text) {
        PyErr_SetString(PyExc_ValueError, "texts of places are at most 48 bytes");
        return -1;
    }
    out->length = (int32_t)PyBytes_GET_SIZE(text);
    memcpy(out->text, PyBytes_AS_STRING(text), (size_t)out->length);
    return 0;
}

/* Marks the cells of what begins with a text; behind one of three bytes a byte of some kind follows, or none of a word. */
static void mark(Rewriter *self, const uint8_t *text, at_t length, int follows, uint8_t value)
{
    for (int byte = 0; byte < (length < 4 ? 256 : 1); byte++) {
        if (length < 4 && (follows ? !IS(byte, follows) : IS(byte, WORD))) continue;
        uint8_t four[4] = {text[0], text[1], text[2], length < 4 ? (uint8_t)byte : text[3]};
        self->begins[cell(four_of(four, 4))] |= value;
    }
}

static int take_names(Rewriter *self, PyObject *names)
{
    PyObject *text, *new;
    at_t at = 0;
    if (table_make(&self->names, PyDict_GET_SIZE(names)) < 0) return -1;
    self->standins = PyList_New(0);
    if (!self->standins) return -1;
    while (PyDict_Next(names, &at, &text, &new)) {
        if (!PyBytes_Check(text) || !PyBytes_Check(new) || PyBytes_GET_SIZE(text) < 3) {
            PyErr_SetString(PyExc_TypeError, "names are bytes, three or more");
            return -1;
        }
        const uint8_t *bytes = (const uint8_t *)PyBytes_AS_STRING(text);
        if (table_add(&self->names, bytes, PyBytes_GET_SIZE(text), (int32_t)PyList_GET_SIZE(self->standins)) < 0) return -1;
        if (PyList_Append(self->standins, new) < 0) return -1;
        mark(self, bytes, PyBytes_GET_SIZE(text), 0, 2);
        if (PyBytes_GET_SIZE(text) > self->longest) self->longest = (int)PyBytes_GET_SIZE(text);
    }
    return 0;
}

static int take_suffixes(Rewriter *self, PyObject *suffixes)
{
    PyObject *text, *strength;
    at_t at = 0;
    if (table_make(&self->suffixes, PyDict_GET_SIZE(suffixes)) < 0) return -1;
    while (PyDict_Next(suffixes, &at, &text, &strength)) {
        if (!PyBytes_Check(text)) {
            PyErr_SetString(PyExc_TypeError, "suffixes are bytes");
            return -1;
        }
        const uint8_t *bytes = (const uint8_t *)PyBytes_AS_STRING(text);
        at_t length = PyBytes_GET_SIZE(text);
        long value = PyLong_AsLong(strength);
        if ((value == -1 && PyErr_Occurred()) || table_add(&self->suffixes, bytes, length, (int32_t)value) < 0) return -1;
        int depth = 1;
        for (at_t i = 0; i < length; i++) depth += bytes[i] == '.';
        if (depth > self->depth) self->depth = depth;
    }
    return 0;
}

static int take_words(Table *table, PyObject *words)
{
    if (table_make(table, PyList_GET_SIZE(words)) < 0) return -1;
    for (at_t i = 0; i < PyList_GET_SIZE(words); i++) {
        PyObject *text = PyList_GET_ITEM(words, i);
        if (!PyBytes_Check(text)) {
            PyErr_SetString(PyExc_TypeError, "words are bytes");
            return -1;
        }
        if (table_add(table, (const uint8_t *)PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), 1) < 0) return -1;
    }
    return 0;
}

static int number_of(const char *text, const char *const *texts, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, texts[i]) == 0) return i;
    PyErr_Format(PyExc_ValueError, "unknown word: %s", text);
    return -1;
}

static int take_place(Rewriter *self, PyObject *given, int number, int *afters)
{
    const char *shape, *kind;
    PyObject *head, *before, *after;
    Place *place = &self->places[number];
    if (!PyTuple_Check(given) || !PyArg_ParseTuple(given, "ssOOO!", &shape, &kind, &head, &before, &PyTuple_Type, &after)) return -1;
    place->shape = number_of(shape, shape_names, 4);
    place->kind = number_of(kind, kind_names, KINDS);
    if (place->shape < 0 || place->kind < 0 || to_short(head, &place->head) < 0 || to_short(before, &place->before) < 0) return -1;
    if (place->head.length < 3) {
        PyErr_SetString(PyExc_ValueError, "a head has three bytes or more");
        return -1;
    }
    uint8_t care[8] = {0};
    memset(care, 255, (size_t)least(8, place->head.length));
    memcpy(&place->care, care, 8);
    place->eight = eight_of(place->head.text, place->head.length) & place->care;
    place->after_from = *afters;
    for (at_t i = 0; i < PyTuple_GET_SIZE(after); i++)
        if (to_short(PyTuple_GET_ITEM(after, i), &self->afters[(*afters)++]) < 0) return -1;
    place->after_to = *afters;
    return 0;
}

/* The longest head comes first, and of equal ones the first that was given. */
static void link_place(Rewriter *self, int number)
{
    Place *place = &self->places[number];
    uint32_t bit = three(place->head.text);
    mark(self, place->head.text, place->head.length, 0, 1);
    int before = -1, here = self->first_place[bit];
    while (here >= 0 && self->places[here].head.length >= place->head.length) {
        before = here;
        here = self->places[here].next;
    }
    place->next = here;
    if (before < 0) self->first_place[bit] = (int16_t)number;
    else self->places[before].next = number;
}

/* What a name may end with: the last labels of suffixes, and extensions. */
static int take_ends(Rewriter *self)
{
    const Table *tables[] = {&self->suffixes, &self->extensions};
    if (table_make(&self->ends, (at_t)self->suffixes.mask + (at_t)self->extensions.mask) < 0) return -1;
    for (int number = 0; number < 2; number++)
        for (uint32_t i = 0; i <= tables[number]->mask; i++) {
            const Entry *entry = &tables[number]->entries[i];
            at_t from = entry->length;
            if (!entry->text) continue;
            while (from > 0 && entry->text[from - 1] != '.') from--;
            at_t length = entry->length - from;
            if (table_value(&self->ends, entry->text + from, length) < 0 && table_add(&self->ends, entry->text + from, length, 1) < 0) return -1;
            if (length > self->longest_end) self->longest_end = (int)length;
        }
    return 0;
}

static int take_places(Rewriter *self, PyObject *places)
{
    int count = (int)PyList_GET_SIZE(places), afters = 0;
    at_t all = 0;
    for (int i = 0; i < count; i++) {
        PyObject *given = PyList_GET_ITEM(places, i);
        if (PyTuple_Check(given) && PyTuple_GET_SIZE(given) == 5 && PyTuple_Check(PyTuple_GET_ITEM(given, 4)))
            all += PyTuple_GET_SIZE(PyTuple_GET_ITEM(given, 4));
    }
    self->places = PyMem_Calloc((size_t)count + 1, sizeof(Place));
    self->afters = PyMem_Calloc((size_t)all + 1, sizeof(Short));
    self->first_place = PyMem_Malloc(sizeof(int16_t) << THREE_BITS);
    if (!self->places || !self->afters || !self->first_place || count > INT16_MAX) return -1;
    memset(self->first_place, 0xFF, sizeof(int16_t) << THREE_BITS);
    for (int i = 0; i < count; i++) {
        if (take_place(self, PyList_GET_ITEM(places, i), i, &afters) < 0) return -1;
        link_place(self, i);
    }
    return 0;
}

static void rewriter_free(Rewriter *self)
{
    Table *tables[] = {&self->names, &self->suffixes, &self->packages, &self->extensions, &self->versions, &self->ends};
    for (int i = 0; i < 6; i++) table_free(tables[i]);
    PyMem_Free(self->places);
    PyMem_Free(self->afters);
    PyMem_Free(self->first_place);
    PyMem_Free(self->memo);
    PyMem_Free(self->arena);
    Py_XDECREF(self->standins);
    Py_XDECREF(self->resolve);
    for (int i = 0; i < KINDS; i++) Py_XDECREF(self->kinds[i]);
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *rewriter_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names_))
{
    PyObject *names, *suffixes, *packages, *extensions, *versions, *places, *resolve;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!O!O:Rewriter", &PyDict_Type, &names, &PyDict_Type, &suffixes, &PyList_Type, &packages, &PyList_Type,
                          &extensions, &PyList_Type, &versions, &PyList_Type, &places, &resolve))
        return NULL;
    Rewriter *self = (Rewriter *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->resolve = Py_NewRef(resolve);
    self->memo = PyMem_Calloc(MEMO_SLOTS, sizeof(Memo));
    self->arena = PyMem_Malloc(ARENA);
    int good = self->memo && self->arena;
    for (int i = 0; i < KINDS && good; i++) good = (self->kinds[i] = PyUnicode_InternFromString(kind_names[i])) != NULL;
    good = good && take_names(self, names) == 0 && take_suffixes(self, suffixes) == 0 && take_words(&self->packages, packages) == 0;
    good = good && take_words(&self->extensions, extensions) == 0 && take_words(&self->versions, versions) == 0;
    good = good && take_places(self, places) == 0 && take_ends(self) == 0;
    if (good) {
        mark(self, (const uint8_t *)"enx", 3, HEX, 4);
        mark(self, (const uint8_t *)"ip-", 3, DIGIT, 4);
        return (PyObject *)self;
    }
    Py_DECREF(self);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

static PyMethodDef methods[] = {
    {"rewrite", rewriter_rewrite, METH_VARARGS, PyDoc_STR("rewrite(data, start, end, spans) -> (bytes, counts)")},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, rewriter_new}, {Py_tp_dealloc, rewriter_free}, {Py_tp_methods, methods}, {0, NULL}};
static PyType_Spec spec = {"diagbundle.redact.identifiers._rewrite.Rewriter", sizeof(Rewriter), 0, Py_TPFLAGS_DEFAULT, slots};

static int module_exec(PyObject *module)
{
    fill_classes();
    choose_masks();
    PyObject *type = PyType_FromSpec(&spec);
    int failed = !type || PyModule_AddObjectRef(module, "Rewriter", type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_rewrite", NULL, 0, NULL, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__rewrite(void) { return PyModuleDef_Init(&module); }
