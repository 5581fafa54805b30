# pack.sh -- the folder that goes to a machine with a GPU; sourced by gpu.sh.
max_bytes=50000000

# Libraries of the machine, or of its CUDA, that are not packed.
comes_with_it='^(linux-vdso|ld-linux.*|libc|libm|libdl|librt|libpthread|libresolv|libstdc\+\+|libgcc_s)\.so'

# Only a folder that was packed before, or a new one: nothing else is ever removed.
make_folder() {
    if [ -e "$folder/about" ]; then
        rm -rf "$folder"
    elif [ -e "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
        refuse "$folder has other things in it: name a new folder"
    fi
    mkdir -p "$folder" || refuse "$folder cannot be made"
    folder=$(cd "$folder" && pwd)
}

# The cpu multiplies in plain C, which needs no library there: here the cpu only checks.
build() {
    from=$here/../build/gpu$emulated
    local -a options=(-DCMAKE_BUILD_TYPE=Release -DSLUICE_TESTS=ON -DSLUICE_BENCH=ON -DSLUICE_BLAS=plain)
    if [ -n "$emulated" ]; then
        options+=(-DSLUICE_CUDA=OFF -DSLUICE_EMULATION=ON)
    else
        # With line numbers of kernels, for reports of sanitizers.
        options+=(-DSLUICE_CUDA=ON -DCMAKE_CUDA_FLAGS=-lineinfo -DSLUICE_EMULATION=OFF)
        [ -n "$arch" ] && options+=("-DSLUICE_CUDA_ARCHITECTURES=$arch-real")
        [ -n "$arch" ] || options+=(-USLUICE_CUDA_ARCHITECTURES) # all that we know
    fi
    mkdir -p "$from" || refuse "$from cannot be made"
    cmake -G Ninja -S "$here/.." -B "$from" "${options[@]}" >"$from.log" 2>&1 ||
        { cat "$from.log" >&2; refuse "the build cannot be set up"; }
    cmake --build "$from" --target "${components[@]}" >"$from.log" 2>&1 ||
        { cat "$from.log" >&2; refuse "the build fails"; }
}

# Libraries that the packed files need, found as the loader finds them here.
add_libraries() {
    local name path
    while read -r name path; do
        [ -e "$folder/lib/$name" ] || cp -L "$path" "$folder/lib/$name" || refuse "$path cannot be copied"
    done < <(ldd "$folder"/bin/* "$folder"/lib/*.so* |
        awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u |
        grep -vE "$comes_with_it" | grep -vE '^lib(cu|nv)' | grep -vF " $folder/")
}

# CUDA libraries of the machine that the plug-in needs.
list_needs() {
    readelf -d "$folder/lib/libsluice_cuda.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -vE "$comes_with_it" | while read -r name; do
        [ -e "$folder/lib/$name" ] || echo "$name"
    done >"$folder/needs"
}

# Nothing is loaded from the folder in which it was built.
check_paths() {
    local found
    found=$(for file in "$folder"/bin/* "$folder"/lib/*; do
        readelf -d "$file" | sed -nE "s|.*\((RPATH\|RUNPATH\|NEEDED)\).*\[(.*)\]|${file##*/} \2|p"
    done | grep / | grep -vE '^[^ ]+ \$ORIGIN/\.\./lib$')
    [ -z "$found" ] || refuse "looked for in other folders: $found"
}

# From the build's own records.
describe() {
    local commit glibc made=' on emulated libraries'
    commit=$(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo "no commit")
    git -C "$here" diff --quiet HEAD 2>/dev/null || commit="$commit and changes"
    glibc=$(cat "$folder"/bin/* "$folder"/lib/* | grep -aoE 'GLIBC_2\.[0-9]+' | sort -uV | tail -1)
    [ -n "$emulated" ] ||
        made=" for $(sed -n 's/^SLUICE_CUDA_ARCHITECTURES:.*=//p' "$from/CMakeCache.txt" | sed 's/-real//g;s/[^;]*/sm_&/g;s/;/, /g') with CUDA $(
            sed -n 's/^set(CMAKE_CUDA_COMPILER_VERSION "\(.*\)")/\1/p' "$from"/CMakeFiles/*/CMakeCUDACompiler.cmake)"
    echo "Sluice at $commit, packed $(date +%F)$made, needs glibc ${glibc#GLIBC_} or later"
}

pack() {
    local plugin=gpu_plugin component bytes
    [ -z "$emulated" ] || plugin=gpu_emulated
    components=(gpu_programs "$plugin")
    folder=${folder:-$here/../build/gpu-pack}
    make_folder
    [ -n "$from" ] || build
    for component in "${components[@]}"; do
        cmake --install "$from" --prefix "$folder" --component "$component" >"$folder/about" 2>&1 ||
            { cat "$folder/about" >&2; refuse "$from has not all that is packed"; }
    done
    [ -e "$folder/lib/libsluice_cuda.so" ] || refuse "$from has no plug-in for GPUs"
    add_libraries
    list_needs
    check_paths
    mkdir "$folder/gpu"
    cp "$here/gpu.sh" "$folder/" && cp "$here"/gpu/{libraries,nccl,ranks,run}.sh "$folder/gpu/" || exit 1
    describe >"$folder/about"
    bytes=$(du -sb "$folder" | cut -f1)
    [ "$bytes" -lt $max_bytes ] || refuse "$folder has $bytes bytes, more than $max_bytes"
    printf '%s: %s.%s MB\n%s\n' "$folder" $((bytes / 1000000)) $((bytes / 100000 % 10)) "$(cat "$folder/about")"
    echo "there: bash ${folder##*/}/gpu.sh --run"
}
