# Finds what the emulation of CUDA needs: the toolkit's headers, and a C++ compiler for kernels.
set(SLUICE_EMULATION "AUTO" CACHE STRING "Test CUDA code without a GPU: AUTO, ON or OFF")
find_path(SLUICE_CUDA_HEADERS cublasLt.h
          HINTS $ENV{CUDA_PATH}/include $ENV{CUDA_HOME}/include /usr/local/cuda/include
                /usr/local/cuda/targets/x86_64-linux/include
          DOC "Folder of CUDA's headers")

set(SLUICE_EMULATED OFF)
if(SLUICE_EMULATION STREQUAL "OFF" OR NOT SLUICE_TESTS)
    message(STATUS "not built: emulation (switched off)")
elseif(NOT SLUICE_CUDA_HEADERS)
    if(SLUICE_EMULATION STREQUAL "ON")
        message(FATAL_ERROR "SLUICE_EMULATION is ON, and cublasLt.h is nowhere: set CUDA_PATH")
    endif()
    message(STATUS "not built: emulation, and with it all tests of the CUDA backend (no CUDA headers of 12 or later: NVIDIA's "
                   "packages cuda-cudart-dev, cuda-crt and libcublas-dev bring them, or name their folder in CUDA_PATH)")
else()
    enable_language(CXX)
    set(SLUICE_EMULATED ON)
endif()
