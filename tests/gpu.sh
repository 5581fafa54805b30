#!/usr/bin/env bash
# gpu.sh -- Sluice on a machine with a GPU and without compilers or network: packed here, run there.
#
#   tests/gpu.sh --pack [FOLDER]   build for all GPUs that this nvcc's CUDA and we know (sm_80 and later) into
#                                  FOLDER, less than 50 MB: build/gpu-pack unless it is named
#   FOLDER/gpu.sh --run            there: tests, sanitizers, bench; a record in $OUT, or else in FOLDER; at
#                                  most 9 minutes. Fails if anything did
#
#   --pack --arch 90       for sm_90 alone
#   --pack --from BUILD    pack what a build has, build nothing
#   --pack --emulated      the plug-in on emulated libraries, for tests of this script
#   --run --quick          run everything once, as little as possible
#   --run --seconds N      less time, or more: parts that do not begin in time are listed as not run
set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

refuse() {
    echo "gpu.sh: $*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

mode='' folder='' arch='' from='' emulated='' quick='' seconds=530
while [ $# -gt 0 ]; do
    case $1 in
    --pack | --run) [ -z "$mode" ] || usage; mode=${1#--} ;;
    --arch) arch=${2:-none}; shift ;;
    --from) from=${2-}; shift ;;
    --seconds) seconds=${2-}; shift ;;
    --emulated) emulated=yes ;;
    --quick) quick=yes ;;
    -* | '') usage ;;
    *) [ -z "$folder" ] || usage; folder=$1 ;;
    esac
    [ $# -gt 0 ] || usage
    shift
done
[[ $arch =~ ^([0-9]+[af]?)?$ ]] || refuse "--arch is '$arch': give a number, as 90 for sm_90"
[[ $seconds =~ ^[0-9]+$ ]] || refuse "--seconds is '$seconds': give a number"

case $mode in
pack)
    [ -e "$here/gpu/pack.sh" ] || refuse "this is a packed folder; pack from Sluice's sources"
    . "$here/gpu/pack.sh"
    pack
    ;;
run)
    if [ -e "$here/about" ]; then # in a packed folder
        folder=$here
    else
        folder=${folder:-$here/../build/gpu-pack}
        [ -e "$folder/about" ] || refuse "nothing is packed in $folder: gpu.sh --pack does"
        folder=$(cd "$folder" && pwd)
    fi
    . "$here/gpu/libraries.sh"
    . "$here/gpu/run.sh"
    run
    ;;
*) usage ;;
esac
