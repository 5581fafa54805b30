# libraries.sh -- finds what the plug-in needs of the machine's CUDA (cuBLAS) and lets the loader find it, too;
# sourced by gpu.sh.

# Folders, one a line, in which CUDA's libraries may be: the toolkit's, then PyTorch's.
cuda_folders() {
    local place
    if [ -n "${SLUICE_CUDA_LIBRARIES-}" ]; then
        tr ':' '\n' <<<"$SLUICE_CUDA_LIBRARIES"
        return
    fi
    tr ':' '\n' <<<"${LD_LIBRARY_PATH-}"
    for place in ${CUDA_HOME:+"$CUDA_HOME"} ${CUDA_PATH:+"$CUDA_PATH"} /usr/local/cuda /usr/local/cuda-*; do
        echo "$place/lib64"
        echo "$place/targets/x86_64-linux/lib"
    done
    echo /usr/lib/x86_64-linux-gnu
    { python3 -c 'import sys; print("\n".join(sys.path))' 2>/dev/null
      printf '%s\n' /usr/local/lib/python3*/dist-packages /opt/*/lib/python3*/site-packages; } |
        while read -r place; do
            [ -n "$place" ] && [ -d "$place/nvidia" ] && printf '%s\n' "$place"/nvidia/*/lib
        done
}

# The folder that has a library, or nothing.
folder_of() {
    local place
    while read -r place; do
        [ -n "$place" ] && [ -e "$place/$1" ] && echo "$place" && return
    done
}

# Refuses with the one sentence that says what is not here, or is of another version.
find_libraries() {
    local name place other folders paths=''
    folders=$(cuda_folders)
    while read -r name; do
        place=$(folder_of "$name" <<<"$folders")
        if [ -z "$place" ]; then
            while read -r place; do
                for other in "$place/${name%.so.*}".so.[0-9]*; do
                    [ -e "$other" ] && refuse "$name is not here, only $other: pack with CUDA ${other##*.so.}, or install CUDA ${name##*.so.}'s"
                done
            done <<<"$folders"
            refuse "$name is not here: looked in $(grep . <<<"$folders" | paste -sd' '); name its folder in SLUICE_CUDA_LIBRARIES"
        fi
        case ":$paths:" in *":$place:"*) ;; *) paths=$paths${paths:+:}$place ;; esac
        found_libraries+=("$(realpath "$place/$name")")
    done <"$folder/needs"
    [ -z "$paths" ] || export LD_LIBRARY_PATH=$paths${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}
