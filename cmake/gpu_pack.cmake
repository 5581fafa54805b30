# What tests/gpu.sh packs for a machine with a GPU: programs in bin, libraries in lib, found relative to their own folder.
# RPATH, not RUNPATH: libraries needed by a library in lib are also looked up there.
function(sluice_packed component)
    set_target_properties(${ARGN} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
    foreach(target ${ARGN})
        target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
    endforeach()
    install(TARGETS ${ARGN} COMPONENT ${component} EXCLUDE_FROM_ALL
            RUNTIME DESTINATION bin LIBRARY DESTINATION lib NAMELINK_SKIP)
    add_custom_target(${component} DEPENDS ${ARGN})
endfunction()

# The command and the plug-in are packed as copies: those that `cmake --install` takes look nowhere but where it puts them.
add_executable(packed_command $<TARGET_OBJECTS:sluice_command>)
set_target_properties(packed_command PROPERTIES OUTPUT_NAME sluice LINKER_LANGUAGE C
                                                RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/packed)
target_link_libraries(packed_command PRIVATE $<TARGET_PROPERTY:sluice_command,LINK_LIBRARIES>)

if(TARGET test_nccl_self)
    set(nccl_self test_nccl_self)
endif()
sluice_packed(gpu_programs packed_command test_device_contract test_operations test_gpu_training ${nccl_self} bench_gpu_operations
              bench_gpu_train)
if(TARGET sluice_cuda)
    add_library(packed_plugin MODULE $<TARGET_OBJECTS:sluice_cuda>)
    set_target_properties(packed_plugin PROPERTIES OUTPUT_NAME sluice_cuda LINKER_LANGUAGE CXX
                                                   LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/packed)
    target_link_libraries(packed_plugin PRIVATE $<TARGET_PROPERTY:sluice_cuda,LINK_LIBRARIES>)
    target_link_options(packed_plugin PRIVATE -Wl,-z,defs)
    sluice_packed(gpu_plugin packed_plugin)
endif()
if(TARGET emulated_plugin)
    if(TARGET emulated_nccl)
        set(emulated_nccl emulated_nccl)
    endif()
    sluice_packed(gpu_emulated emulated_plugin emulated_cudart emulated_cublasLt ${emulated_nccl})
endif()

if(TARGET emulated_plugin AND NOT SLUICE_SANITIZE)
    add_test(NAME gpu_pack COMMAND bash ${PROJECT_SOURCE_DIR}/tests/cuda/test_gpu_pack.sh ${PROJECT_BINARY_DIR}
                                   $<IF:$<TARGET_EXISTS:sluice_cuda>,nvcc,>)
    set_tests_properties(gpu_pack PROPERTIES TIMEOUT 600 LABELS emulation)
endif()
