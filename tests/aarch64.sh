#!/usr/bin/env bash
# aarch64.sh [FOLDER] -- by hand, on Debian: a cross build for aarch64 and the short tests under qemu; the record is
# printed. The libraries of that architecture are unpacked into FOLDER (build/aarch64), nothing is installed. Needs
# gcc-aarch64-linux-gnu, g++-aarch64-linux-gnu and qemu-user.
set -eu -o pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$source/build/aarch64}
triple=aarch64-linux-gnu
for program in $triple-gcc $triple-g++ qemu-aarch64 apt-get dpkg; do
    command -v $program >/dev/null ||
        { echo "aarch64.sh: there is no $program: apt-get install g++-$triple gcc-$triple qemu-user" >&2; exit 1; }
done
mkdir -p "$folder"/{lists/partial,cache/archives/partial,packages}
folder=$(cd "$folder" && pwd)
root=$folder/root

# Debian's packages of that architecture, with an apt of their own: this machine's stays as it is.
if [ ! -d "$root" ]; then
    touch "$folder/status"
    apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State::lists=$folder/lists"
        -o "Dir::Cache=$folder/cache" -o "Dir::State::status=$folder/status" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    (cd "$folder/packages" && "${apt[@]}" download libc6 libc6-dev linux-libc-dev libcrypt1 libgcc-s1 libgomp1 libgfortran5 \
        libopenblas0-pthread libjansson4 libjansson-dev libxxhash0 libxxhash-dev libpcre2-8-0 libpcre2-16-0 libpcre2-32-0 libpcre2-posix3 \
        libpcre2-dev libutf8proc2 libutf8proc-dev \
        libcmocka0 libcmocka-dev)
    for package in "$folder"/packages/*.deb; do dpkg -x "$package" "$root"; done
fi

libraries=$root/usr/lib/$triple
cat >"$folder/toolchain.cmake" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER $triple-gcc)
set(CMAKE_CXX_COMPILER $triple-g++)
set(CMAKE_SYSROOT "$root")
set(CMAKE_LIBRARY_ARCHITECTURE $triple)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,$libraries")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "\${CMAKE_EXE_LINKER_FLAGS_INIT}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L "$root" -E "LD_LIBRARY_PATH=$libraries:$libraries/openblas-pthread")
END
export PKG_CONFIG_LIBDIR=$libraries/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
build=$folder/build
cmake -S "$source" -B "$build" -G Ninja "-DCMAKE_TOOLCHAIN_FILE=$folder/toolchain.cmake" -DCMAKE_BUILD_TYPE=Release \
    -DSLUICE_WERROR=ON -DSLUICE_CUDA=OFF -DSLUICE_EMULATION=OFF >"$folder/configure.txt" 2>&1 ||
    { tail -20 "$folder/configure.txt"; exit 1; }
cmake --build "$build" -j "$(nproc)" -- -k 0 >"$folder/build.txt" 2>&1 || { grep -A8 -E 'FAILED|error' "$folder/build.txt"; exit 1; }
run=(qemu-aarch64 -L "$root" -E "LD_LIBRARY_PATH=$libraries:$libraries/openblas-pthread" "$build/sluice")

# Deadlines are those of a real machine: a second try. Scripts, and tests that start a program, start it as this machine's;
# what takes minutes here takes an hour there; test_openblas counts threads and memory of the process, and finds qemu's.
ctest --test-dir "$build" -j "$(nproc)" --timeout 600 --repeat until-pass:2 >"$folder/test.txt" 2>&1 \
    -LE '^script$' \
    -E '^(pytorch|crash|kills|save_points|failing_files|openblas|installed_.*|plain_build|theorem.*|resume|out_of_memory|memory_plan|fuzz_.*|bench_.*|example_.*)$' || true

weights() { # weights RANKS: the digest after two steps
    "${run[@]}" train --data "$source/docs" --model gpt-nano --steps 2 --seq 16 --batch 4 -m 4 -p "$1" --quiet \
        --out "$folder/out" --overwrite 2>&1 | tail -1
}

cat <<END
# Sluice for aarch64, under qemu

$(date +%F): $($triple-gcc --version | head -1), $(qemu-aarch64 --version | head -1); 
Debian's libraries for arm64; release, warnings are errors. Made by \`bash tests/aarch64.sh\`.

- build: $(grep -c '"file":' "$build/compile_commands.json") sources
- the command: $("${run[@]}" --version), $($triple-readelf -h "$build/sluice" | sed -n 's/ *Machine: *//p')
- \`sluice train\`: 1 rank $(weights 1), 2 ranks $(weights 2), 4 ranks $(weights 4)
- tests: $(grep 'tests passed' "$folder/test.txt")
- not run: tests that start the command or themselves (here they would need qemu in front), and long ones (theorem, resume,
  fuzz, memory); no emulated GPU was built

| test | outcome | time |
|:--|:--|--:|
$(sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.+[ *]*([A-Za-z]+( [A-Z][a-z]+)?) +([0-9.]+ sec).*/| \1 | \2 | \4 |/p' "$folder/test.txt" | sort)
END
