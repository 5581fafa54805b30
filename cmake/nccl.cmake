# NCCL's header, if there is one: SLUICE_HAS_NCCL. The library itself is loaded at first use.
set(SLUICE_NCCL "AUTO" CACHE STRING "NCCL between GPUs: AUTO (where nccl.h is), ON (insist), OFF")
find_path(SLUICE_NCCL_HEADERS nccl.h
          HINTS $ENV{NCCL_HOME}/include ${CUDAToolkit_INCLUDE_DIRS} ${SLUICE_CUDA_HEADERS}
                $ENV{CUDA_PATH}/include /usr/local/cuda/include
          DOC "Folder of nccl.h")
mark_as_advanced(SLUICE_NCCL_HEADERS)
set(SLUICE_HAS_NCCL OFF)
if(SLUICE_NCCL STREQUAL "OFF")
    message(STATUS "not built: NCCL (SLUICE_NCCL=OFF)")
elseif(NOT SLUICE_NCCL MATCHES "^(AUTO|ON)$")
    message(FATAL_ERROR "SLUICE_NCCL is '${SLUICE_NCCL}': choose AUTO, ON or OFF.")
elseif(SLUICE_NCCL_HEADERS)
    set(SLUICE_HAS_NCCL ON)
elseif(SLUICE_NCCL STREQUAL "ON")
    message(FATAL_ERROR "There is no nccl.h: set NCCL_HOME, or configure with -DSLUICE_NCCL=OFF.")
else()
    message(STATUS "not built: NCCL (no nccl.h: NVIDIA's package libnccl-dev brings it)")
endif()
