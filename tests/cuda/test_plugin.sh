#!/usr/bin/env bash
# test_plugin.sh COMMAND EMULATED STALE LIBRARIES CUDA NCCL -- the reasons for having no GPU, one message each; and training on
# emulated ones through the command. EMULATED and STALE are folders with a libsluice_cuda.so; NCCL is the emulated
# libnccl, if there is one.
emulated=$(realpath "$2") stale=$(realpath "$3") nccl_library=${6-}
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

# Outside the folder that it was built in, so that there is no plug-in next to it.
cp "$command" sluice && command=$work/sluice
unset SLUICE_PLUGIN_PATH
export SLUICE_NCCL_LIBRARY=$nccl_library # a sanitizer's dlopen() looks elsewhere
seq 1 600 >text.txt
train=(train --data text.txt --model gpt-nano --steps 2 --seq 16 --batch 4 -m 4)
tiny_gpt >tiny.json
tiny=(train --data text.txt --model tiny.json --steps 2 --seq 16 --batch 4 -m 4)

# ---- no plug-in, none that loads, none that fits ----

away="build sluice where nvcc is, or name the plug-in's folder in SLUICE_PLUGIN_PATH"
folders="$work/$4/sluice, $work"
"$command" info >info.txt || complain "info exits with $?"
has info.txt "cuda      no: the plug-in libsluice_cuda.so is not here: looked in $folders"
refuse 2 "the plug-in libsluice_cuda.so is not here: looked in $folders; $away" "${train[@]}" --device cuda
has info.txt "nccl      no: the plug-in libsluice_cuda.so is not here: "
export SLUICE_PLUGIN_PATH=$work/nowhere:$work/text
mkdir text && echo "no library" >text/libsluice_cuda.so
"$command" info >info.txt
has info.txt "cuda      no: the plug-in $work/text/libsluice_cuda.so does not load: "
export SLUICE_PLUGIN_PATH=$stale
"$command" info >info.txt
has info.txt "libsluice_cuda.so is for version 6 of plug-ins with tables of 8 bytes, not for 5 with "

# ---- no driver, no GPU, emulated GPUs ----

export SLUICE_PLUGIN_PATH=$emulated EMU_MODE=lazy
EMU_DRIVER=0 "$command" info >info.txt
has info.txt "cuda      no: there is no NVIDIA driver here, or one older than CUDA "
has info.txt "nccl      NCCL 2."
SLUICE_NCCL_LIBRARY=$work/none.so "$command" info >info.txt
has info.txt "nccl      no: NCCL does not load: $work/none.so: "
EMU_DEVICES=0 "$command" info >info.txt
has info.txt "cuda      no: the NVIDIA driver shows no GPU"
EMU_DEVICES=2 "$command" info >info.txt
has info.txt "cuda      cuda:0, emulated GPU 0, 8.0 GiB, sm_90"
has info.txt "          cuda:1, emulated GPU 1, 8.0 GiB, sm_90"
built="sm_80, sm_90, sm_100, sm_120 and later"
EMU_MAJOR=7 "$command" info >info.txt
has info.txt "cuda      no: cuda:0 is sm_70, and this build has code for $built"
EMU_MAJOR=7 refuse 2 "cuda:0 is sm_70, and this build has code for $built; build with -DSLUICE_CUDA_ARCHITECTURES=70, if this nvcc knows it, use another GPU, or --device cpu" "${train[@]}" --device cuda
EMU_DRIVER=0 refuse 2 "there is no NVIDIA driver here, or one older than CUDA $5 (CUDA error 35); install the driver of the GPU, or use --device cpu" "${train[@]}" --device cuda

# ---- options ----

refuse 2 "--precision is 'fp8'; choose one of: fp32, tf32, bf16" "${train[@]}" --precision fp8
refuse 1 "device cpu does not compute in tf32; it computes in: fp32, bf16" "${train[@]}" -p 1 --precision tf32
refuse 2 "there is no cuda:7: this machine has 2 cuda devices" "${train[@]}" --device cuda:7
EMU_MEMORY_MIB=600 refuse 1 "ranks 0 to 1 on cuda:0 need 4.15 MiB and a reserve of 608.00 MiB, and it has 600.00 MiB available; use more micro-batches, recompute, fewer ranks per device or more devices" "${train[@]}" -p 2 --ranks-per-device 2 --device cuda
EMU_DRIVER=0 "$command" "${tiny[@]}" --device auto --out auto >auto.txt 2>&1 || complain "auto: $(cat auto.txt)"
has auto.txt "(cpu, "
EMU_MAJOR=7 "$command" "${tiny[@]}" --device auto --out old >auto.txt 2>&1 || complain "auto: $(cat auto.txt)"
has auto.txt "(cpu, "

refuse 2 "--transport is 'mpi'; choose one of: auto, local, host, nccl" "${train[@]}" --transport mpi

# ---- NCCL: for GPUs alone, one rank on each, where it is, and new enough ----

refuse 2 "transport nccl joins devices of kind cuda, and the device is cpu; use --device cuda, or --transport local" "${train[@]}" --transport nccl
if [ -n "$nccl_library" ]; then
    nccl=(--device cuda --transport nccl -p 2)
    refuse 2 "ranks 0 and 1 share cuda:0, and transport nccl takes one rank per device; use --transport local, or a device for each rank" "${train[@]}" "${nccl[@]}" --ranks-per-device 2
    instead="install NCCL 2.22 or later, name its file in SLUICE_NCCL_LIBRARY, or use --transport local"
    CUDA_LAUNCH_BLOCKING=1 refuse 1 "with CUDA_LAUNCH_BLOCKING=1 transfers of NCCL wait for each other for ever; unset it, or use --transport local" "${train[@]}" "${nccl[@]}"
    EMU_NCCL_VERSION=21805 refuse 1 "$nccl_library is NCCL 2.18.5, which is too old; $instead" "${train[@]}" "${nccl[@]}"
    echo "no library" >libnccl.so.2
    SLUICE_NCCL_LIBRARY=$work/libnccl.so.2 refuse 1 "NCCL does not load: $work/libnccl.so.2: file too short; $instead" "${train[@]}" "${nccl[@]}"
    SLUICE_NCCL_LIBRARY=libm.so.6 refuse 1 "libm.so.6 has no ncclGetVersion; $instead" "${train[@]}" "${nccl[@]}"
    printf '%s\n' 0F0,0F1,0SEND_F0,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1 1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1 >first.csv
    refuse 1 "deadlock: rank 0's queue is at 0SEND_F1 <- rank 1's queue is at 1SEND_B0 <- rank 0's queue; it may run with a queue for each channel: --transport local" \
        train --data text.txt --model gpt-nano --steps 2 --seq 16 --batch 4 --schedule first.csv "${nccl[@]}"
    "$command" train --data text.txt --model tiny.json --steps 1 --seq 16 --batch 4 --schedule first.csv --device cuda -p 2 --out first >first.txt 2>&1 ||
        complain "over links: $(cat first.txt)"
    "$command" "${train[@]}" "${nccl[@]}" --explain-memory >memory.txt || complain "--explain-memory with NCCL: $?"
else
    refuse 1 "the plug-in cuda was built without the transport nccl; build it where nccl.h is, or use --transport local" "${train[@]}" --device cuda --transport nccl -p 2
fi

# ---- the same bits on any GPUs ----

run() { # run NAME OPTION...
    local name=$1
    shift
    "$command" "${tiny[@]}" --out "$name" "$@" >"$name.txt" 2>&1 || complain "$name: $(cat "$name.txt")"
}
run one --device cuda:0 -p 1
run two --device cuda -p 2
EMU_PEERS=0 run apart --device cuda -p 2
EMU_PEERS=lie run wrong --device cuda -p 2
EMU_PEERS=hang run host --device cuda -p 2 --transport host
run shared --device cuda:1 -p 2 --ranks-per-device 2 --ledger
[ -z "$nccl_library" ] || run nccl --device cuda -p 2 --transport nccl
run tf32 --device cuda:1 -p 2 --precision tf32
run halves --device cuda:0 -p 1 --precision bf16
run halves-apart --device cuda -p 2 --precision bf16
has two.txt "(cuda), "
weights=$(tail -1 one.txt)
[ "$(tail -1 two.txt)" = "$weights" ] || complain "two GPUs: $(tail -1 two.txt), one: $weights"
halves=$(tail -1 halves.txt)
[ "$(tail -1 halves-apart.txt)" = "$halves" ] || complain "bf16, two GPUs: $(tail -1 halves-apart.txt), one: $halves"
[ "$halves" != "$weights" ] || complain "bf16 has the weights of fp32: $halves"
for name in apart wrong host; do
    [ "$(tail -1 $name.txt)" = "$weights" ] || complain "$name: $(tail -1 $name.txt), one: $weights"
done
then=": their transfers go through host memory"
both="cuda:0 and cuda:1 say that they reach each other's memory, and what one copies to the other"
has apart.txt "cuda:0 and cuda:1 do not reach each other's memory$then"
has wrong.txt "$both arrives changed$then"
# any_rank TEXT OPTION...: refused with TEXT by whichever rank meets the other.
any_rank() {
    "$command" "${tiny[@]}" -p 2 "${@:2}" >any.txt 2>&1 && complain "not refused: $1"
    has any.txt "$1"
}
EMU_PEERS=hang any_rank "$both has not arrived after 10 s; use --transport host, or one of them alone" --device cuda
[ -z "$nccl_library" ] || EMU_PEERS=lie any_rank "what cuda:0 and cuda:1 copy to each other arrives changed, and NCCL does not know; set NCCL_P2P_DISABLE=1, or use --transport local" "${nccl[@]}"
[ -z "$nccl_library" ] || EMU_PEERS=lie NCCL_P2P_DISABLE=1 run not_peers "${nccl[@]}"
[ "$(tail -1 shared.txt)" = "$weights" ] || complain "two ranks on one GPU: $(tail -1 shared.txt), one: $weights"
[ -z "$nccl_library" ] || [ "$(tail -1 nccl.txt)" = "$weights" ] || complain "NCCL: $(tail -1 nccl.txt), one GPU: $weights"
[ "$(tail -1 tf32.txt)" = "$weights" ] && complain "tf32 has the bits of fp32"

# ---- a save of two GPUs goes on on one, on two over NCCL, and on the CPU ----

run saves --device cuda -p 2 --save-every 1
rm -r saves/*.safetensors saves/state.json saves/saves/step-00000002
resumed() { # resumed NAME OPTION...: a copy of the save goes on.
    cp -r saves "$1-resumed" && run "$1-resumed" --resume "$1-resumed" "${@:2}"
}
resumed one --device cuda:0 -p 1
resumed cpu --device cpu -p 2
[ "$(tail -1 saves.txt)" = "$weights" ] || complain "with saves: $(tail -1 saves.txt), without: $weights"
[ "$(tail -1 one-resumed.txt)" = "$weights" ] || complain "resumed on one GPU: $(tail -1 one-resumed.txt), uninterrupted: $weights"
[ -z "$nccl_library" ] || resumed nccl --device cuda -p 2 --transport nccl
[ -z "$nccl_library" ] || [ "$(tail -1 nccl-resumed.txt)" = "$weights" ] ||
    complain "resumed over NCCL: $(tail -1 nccl-resumed.txt), uninterrupted: $weights"
finish
