# What is compiled once and kept: the compiler, the libraries, CPython, and the C of the packages we need. Read by `build`; a change here, or in
# pins.toml, makes all of it anew. It needs $work, a folder that tells of both, $arch, and $top.
# shellcheck shell=bash

# Files and lines of what was compiled must not tell where: two clean builds in two folders give the same bytes.
flags() { echo "-O2 -g0 -fno-sanitize=undefined -fwrapv -ffunction-sections -fdata-sections -DNDEBUG -Wno-date-time -ffile-prefix-map=$work=. -ffile-prefix-map=$top=."; }

tools() {  # the compiler, under the names that configure asks for; zig brings musl and the headers of Linux itself
    [ -x "$work/tools/ziglang/zig" ] || { python3 -m zipfile -e "$CACHE"/sources/ziglang-*.whl "$work/tools"; chmod +x "$work/tools/ziglang/zig"; }
    mkdir -p "$work/bin" "$work/$arch"
    printf '#!/bin/sh\nexec "%s" cc -target %s-linux-musl "$@"\n' "$work/tools/ziglang/zig" "$arch" >"$work/bin/$arch-cc"
    for tool in ar ranlib; do printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$work/tools/ziglang/zig" $tool >"$work/bin/$tool"; done
    chmod +x "$work"/bin/*
    export ZIG_GLOBAL_CACHE_DIR=$work/zig ZIG_LOCAL_CACHE_DIR=$work/zig
    export CC=$work/bin/$arch-cc AR=$work/bin/ar RANLIB=$work/bin/ranlib READELF=${READELF:-readelf}
}

repaired() {  # NAME PACKAGE: what Debian's security team repaired since
    cd "$work/src/$1"-*/; tar -xf "$CACHE/sources/$2"_*.debian.tar.xz debian/patches
    grep -E '^[^#]+\.patch$' debian/patches/series | while read -r repair; do patch -p1 -s <"debian/patches/$repair"; done
}

unpacked() {  # the sources as they came, repaired
    [ -e "$work/src/ready" ] && return
    rm -rf "$work/src"; mkdir -p "$work/src"
    for archive in "$CACHE"/sources/*.orig.tar.* "$CACHE"/sources/{zstandard,psutil,awscrt,markupsafe}-*.tar.gz; do
        case $archive in *.asc) ;; *) tar -xf "$archive" -C "$work/src" --no-same-owner ;; esac
    done
    (repaired Python python3.13); (repaired xz xz-utils)
    touch "$work/src/ready"
}

done_once() { [ -e "$work/$arch/$1.done" ] || { say "$arch: $1"; ("step_$1"); touch "$work/$arch/$1.done"; }; }

step_libraries() {  # zlib, bzip2 and liblzma, static
    cd "$work/$arch"; rm -rf libraries; mkdir -p libraries/{include,lib} objects; cd objects
    for c in "$work"/src/zlib-*/{adler32,crc32,deflate,infback,inffast,inflate,inftrees,trees,zutil,compress,uncompr,gzclose,gzlib,gzread,gzwrite}.c; do
        $CC $(flags) -DHAVE_UNISTD_H -D_LARGEFILE64_SOURCE=1 -c "$c" -o "z-$(basename "$c" .c).o"
    done
    for c in "$work"/src/bzip2-*/{blocksort,huffman,crctable,randtable,compress,decompress,bzlib}.c; do
        $CC $(flags) -D_FILE_OFFSET_BITS=64 -c "$c" -o "bz-$(basename "$c" .c).o"
    done
    $AR rcs ../libraries/lib/libz.a z-*.o; $AR rcs ../libraries/lib/libbz2.a bz-*.o
    cp "$work"/src/zlib-*/{zlib,zconf}.h "$work"/src/bzip2-*/bzlib.h ../libraries/include
    rm -rf xz; cp -a "$work"/src/xz-* xz; cd xz  # with its times: or it wants automake
    CFLAGS=$(flags) ./configure -q --host="$arch-linux-musl" --prefix="$work/$arch/libraries" --disable-shared --disable-nls --disable-doc \
        --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts >/dev/null
    make -s -j"$(nproc)" >/dev/null; make -s install >/dev/null
}

step_python() {  # CPython, every module of it inside; without what a collector and a desk in one file have no use for
    local l=$work/$arch/libraries cross=()
    rm -rf "$work/$arch/python"; mkdir -p "$work/$arch/python"; cd "$work/$arch/python"
    export PKG_CONFIG=/bin/false CFLAGS="-g0 -DMI_NO_GETENV -ffunction-sections -fdata-sections -fno-sanitize=undefined -Wno-date-time -ffile-prefix-map=$work=." LDFLAGS=-static
    export ZLIB_CFLAGS="-I$l/include" ZLIB_LIBS="-L$l/lib -lz" BZIP2_CFLAGS="-I$l/include" BZIP2_LIBS="-L$l/lib -lbz2" LIBLZMA_CFLAGS="-I$l/include" LIBLZMA_LIBS="-L$l/lib -llzma"
    if [ "$arch" != x86_64 ]; then
        cross=(--host="$arch-linux-musl" --build=x86_64-linux-gnu --with-build-python="$work/x86_64/python/python")
        export ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_buggy_getaddrinfo=no
    fi
    for module in _codecs_{cn,hk,iso2022,jp,kr,tw} _ctypes _curses _curses_panel _dbm _gdbm _hashlib _interp{channels,queues,reters} _lsprof _multibytecodec \
        _multiprocessing _posixshmem _sqlite3 _ssl _tkinter _uuid nis readline xxlimited xxlimited_35; do
        export "py_cv_module_$module=n/a"
    done
    "$work"/src/Python-*/configure -q "${cross[@]}" --prefix=/diagbundle --disable-shared --disable-test-modules --without-ensurepip --without-readline MODULE_BUILDTYPE=static >configure.log 2>&1
    make -s -j"$(nproc)" python >make.log 2>&1
    printf 'include Makefile\nlibraries:\n\t@echo $(LIBS) $(MODLIBS) $(SYSLIBS)\n' >libraries.mk
}

step_parts() {  # the C of zstandard and psutil; of AWS-LC SHA-256 and ChaCha20-Poly1305, by the processor's own instructions, and X25519, in plain C
    local python=("$work"/src/Python-*) s more
    mkdir -p "$work/$arch/parts"; cd "$work/$arch/parts"; rm -f ./*.o
    local f="$(flags) -I${python[0]}/Include -I$work/$arch/python"
    s=$(echo "$work"/src/zstandard-*)
    $CC $f -O3 -DZSTD_SINGLE_FILE -DZSTDLIB_VISIBLE= -DZDICTLIB_VISIBLE= -DZSTDERRORLIB_VISIBLE= -fvisibility=default -I"$s/c-ext" -I"$s/zstd" -c "$s/c-ext/backend_c.c" -o zstandard.o
    s=$(echo "$work"/src/psutil-*)
    for c in "$s"/psutil/arch/{all,posix,linux}/*.c "$s/psutil/_psutil_linux.c"; do
        $CC $f -DPSUTIL_POSIX=1 -DPSUTIL_LINUX=1 -DPSUTIL_SIZEOF_PID_T=4 -DPSUTIL_VERSION=722 -I"$s/psutil" -c "$c" -o "psutil-$(basename "$(dirname "$c")")-$(basename "$c" .c).o"
    done
    s=$(echo "$work"/src/awscrt-*/crt/aws-lc)
    for c in "$s/generated-src/linux-$arch/crypto"/{fipsmodule/sha256,chacha/chacha,cipher_extra/chacha20_poly1305}[-_]*.S; do
        $CC $(flags) -I"$s/include" -c "$c" -o "aws-lc-$(basename "$c" .S)-assembly.o"
    done
    for c in "$s"/crypto/fipsmodule/{sha/sha256,cpucap/cpucap,cpucap/cpu_intel,cpucap/cpu_aarch64,cpucap/cpu_aarch64_linux,cipher/aead,curve25519/curve25519,curve25519/curve25519_nohw}.c \
        "$s"/crypto/{chacha/chacha,poly1305/poly1305,poly1305/poly1305_vec,cipher_extra/e_chacha20poly1305,err/err,mem,thread_pthread}.c; do
        case $c in *curve25519*) more=-DOPENSSL_NO_ASM ;; *) more= ;; esac  # needed once a bundle: plain C does
        $CC $(flags) $more -I"$s/include" -include stdbool.h -include "$s/crypto/fipsmodule/service_indicator/internal.h" -c "$c" -o "aws-lc-$(basename "$c" .c).o"  # the headers that its bcm.c has before them
    done
}
