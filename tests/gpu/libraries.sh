# libraries.sh -- finds the CUDA libraries of the machine (cuBLAS) that the plug-in needs, and lets the loader find them;
# sourced by gpu.sh.

# Folders, one a line, that may have CUDA's libraries: the toolkit's, then PyTorch's.
cuda_folders() {
    local folder
    if [ -n "${SLUICE_CUDA_LIBRARIES-}" ]; then
        tr ':' '\n' <<<"$SLUICE_CUDA_LIBRARIES"
        return
    fi
    tr ':' '\n' <<<"${LD_LIBRARY_PATH-}"
    for folder in ${CUDA_HOME:+"$CUDA_HOME"} ${CUDA_PATH:+"$CUDA_PATH"} /usr/local/cuda /usr/local/cuda-*; do
        echo "$folder/lib64"
        echo "$folder/targets/x86_64-linux/lib"
    done
    echo /usr/lib/x86_64-linux-gnu
    { python3 -c 'import sys; print("\n".join(sys.path))' 2>/dev/null
      printf '%s\n' /usr/local/lib/python3*/dist-packages /opt/*/lib/python3*/site-packages; } |
        while read -r folder; do
            [ -n "$folder" ] && [ -d "$folder/nvidia" ] && printf '%s\n' "$folder"/nvidia/*/lib
        done
}

# The folder that has a library, or nothing.
folder_of() {
    local folder
    while read -r folder; do
        [ -n "$folder" ] && [ -e "$folder/$1" ] && echo "$folder" && return
    done
}

# Refuses with one message that names the library that is missing, or has another version.
find_libraries() {
    local name source other folders paths=''
    folders=$(cuda_folders)
    while read -r name; do
        source=$(folder_of "$name" <<<"$folders")
        if [ -z "$source" ]; then
            while read -r source; do
                for other in "$source/${name%.so.*}".so.[0-9]*; do
                    [ -e "$other" ] && refuse "$name is not here, only $other: pack with CUDA ${other##*.so.}, or install CUDA ${name##*.so.}'s"
                done
            done <<<"$folders"
            refuse "$name is not here: looked in $(grep . <<<"$folders" | paste -sd' '); name its folder in SLUICE_CUDA_LIBRARIES"
        fi
        case ":$paths:" in *":$source:"*) ;; *) paths=$paths${paths:+:}$source ;; esac
        found_libraries+=("$(realpath "$source/$name")")
    done <"$folder/needs"
    [ -z "$paths" ] || export LD_LIBRARY_PATH=$paths${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}
