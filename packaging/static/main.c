/* The static file: CPython with every module inside, and behind it, in this very file, a zip archive of the rest. Nothing is extracted,
 * and nothing but this file is read: no folder beside it, no variable of the environment and no file of the host shapes what runs.
 *
 * The file ends with the comment of the zip archive: "diagbundle-seal", its length and a CRC-32 of all that stands before. A copy that
 * was cut or altered on its way must say so, and not fail somewhere later. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern PyObject *PyInit_backend_c(void), *PyInit__psutil_linux(void), *PyInit__scan(void), *PyInit__rewrite(void), *PyInit__sha256(void), *PyInit__aead(void), *PyInit__text(void);
extern const struct _frozen diagbundle_frozen[];

#ifndef INTERPRETER
#define DAMAGED 4 /* the exit status of a damaged file, as for bundles */
#define SEAL "diagbundle-seal "
#define SEAL_SIZE 46 /* SEAL, 20 digits of length, a space, 8 hexadecimal digits, a line feed: written by diagbundle/carried/seal.py */

static int damaged(const char *what)
{
    fprintf(stderr, "diagbundle: this copy of the program is damaged: %s\nhint: copy it again, and compare it with SHA256SUMS\n", what);
    return DAMAGED;
}

/* Whether the file is whole: 0, or an exit status. */
static int sealed(const char *path)
{
    static uint8_t block[1 << 16];
    char seal[SEAL_SIZE + 1] = "";
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        fprintf(stderr, "diagbundle: the program cannot read its own file: %s: %s\nhint: it needs the right to read it: chmod +rx\n", path, strerror(errno));
        return 1;
    }
    off_t end = about.st_size - SEAL_SIZE;
    if (end <= 0 || pread(fd, seal, SEAL_SIZE, end) != SEAL_SIZE || strncmp(seal, SEAL, strlen(SEAL)) != 0)
        return damaged("its end is missing");
    if (strtoull(seal + strlen(SEAL), NULL, 10) != (unsigned long long)about.st_size)
        return damaged("its length is another one");
    uint32_t crc = 0;
    for (off_t at = 0; at < end;) {
        ssize_t got = pread(fd, block, end - at < (off_t)sizeof block ? (size_t)(end - at) : sizeof block, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return damaged(got ? strerror(errno) : "it ends too early");
        crc = lzma_crc32(block, (size_t)got, crc);
        at += got;
    }
    close(fd);
    char expected[SEAL_SIZE + 1];
    snprintf(expected, sizeof expected, SEAL "%020llu %08x\n", (unsigned long long)about.st_size, crc);
    return memcmp(seal, expected, SEAL_SIZE) == 0 ? 0 : damaged("its checksum is another one");
}

/* The path of this very file: what the kernel says, or where there is no /proc, what we were called by. NULL: not found. */
static const char *own_path(const char *called)
{
    static char found[PATH_MAX], tried[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", found, sizeof found - 1);
    if (length > 0) {
        found[length] = 0;
        return found;
    }
    if (strchr(called, '/'))
        return realpath(called, found);
    const char *folders = getenv("PATH") ? getenv("PATH") : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    for (const char *start = folders; *start;) {
        size_t size = strcspn(start, ":");
        snprintf(tried, sizeof tried, "%.*s/%s", size ? (int)size : 1, size ? start : ".", called);
        if (access(tried, X_OK) == 0)
            return realpath(tried, found);
        start += size + (start[size] == ':');
    }
    return NULL;
}

static void give_up(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

/* Every path is given, so nothing is looked for; the environment and the arguments are the program's own business. */
static PyStatus configured(PyConfig *config, const char *path, int argc, char **argv)
{
    PyConfig_InitIsolatedConfig(config);
    config->site_import = 0;
    config->write_bytecode = 0;
    config->install_signal_handlers = 1;
    config->pathconfig_warnings = 0;
    config->module_search_paths_set = 1;
    wchar_t **paths[] = {&config->executable, &config->base_executable, &config->program_name, &config->prefix, &config->exec_prefix,
                         &config->base_prefix, &config->base_exec_prefix, &config->stdlib_dir};
    PyStatus status = PyStatus_Ok();
    for (size_t n = 0; n < Py_ARRAY_LENGTH(paths) && !PyStatus_Exception(status); n++)
        status = PyConfig_SetBytesString(config, paths[n], path);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetString(config, &config->platlibdir, L"lib");
    if (!PyStatus_Exception(status))
        status = PyWideStringList_Append(&config->module_search_paths, config->executable);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesArgv(config, argc, argv);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetString(config, &config->run_command, L"from diagbundle.cli.main import main; main()");
    return status;
}
#endif

static void add_modules(void)
{
    PyImport_AppendInittab("zstandard.backend_c", PyInit_backend_c);
    PyImport_AppendInittab("psutil._psutil_linux", PyInit__psutil_linux);
    PyImport_AppendInittab("diagbundle.redact._scan", PyInit__scan);
    PyImport_AppendInittab("diagbundle.redact.identifiers._rewrite", PyInit__rewrite);
    PyImport_AppendInittab("diagbundle.bundle._sha256", PyInit__sha256);
    PyImport_AppendInittab("diagbundle.transport._aead", PyInit__aead);
    PyImport_AppendInittab("diagbundle.bundle._text", PyInit__text);
}

#ifdef INTERPRETER /* an ordinary Python with our parts in it, for the build and for measurements: no frozen modules, no archive */
int main(int argc, char **argv)
{
    add_modules();
    return Py_BytesMain(argc, argv);
}
#else
int main(int argc, char **argv)
{
    const char *path = own_path(argc ? argv[0] : "diagbundle");
    if (!path) {
        fprintf(stderr, "diagbundle: the program does not find its own file: %s\nhint: call it by its whole path\n", argc ? argv[0] : "");
        return 1;
    }
    int status = sealed(path);
    if (status)
        return status;

    PyImport_FrozenModules = diagbundle_frozen;
    add_modules();

    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    /* A tenth faster here than CPython's own with musl's malloc behind it, but it takes address space by the 32 MiB. */
    struct rlimit space;
    int is_narrow = getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
    before.allocator = is_narrow ? PYMEM_ALLOCATOR_PYMALLOC : PYMEM_ALLOCATOR_MIMALLOC;
    before.utf8_mode = 1; /* names of files are bytes; LANG changes nothing */
    give_up(Py_PreInitialize(&before));
    PyConfig config;
    give_up(configured(&config, path, argc, argv));
    give_up(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    return Py_RunMain();
}
#endif
