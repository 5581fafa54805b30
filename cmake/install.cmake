# What `cmake --install` puts where: libraries, the command, headers, and, for programs that use them, a
# CMake package (find_package(sluice): sluice::sluice is static, sluice::shared is not) and sluice.pc.
# Both find the prefix relative to their own path, so that `--prefix elsewhere` stays right.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(SLUICE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
get_property(SLUICE_NEEDS_MODULES GLOBAL PROPERTY SLUICE_NEEDS_MODULES)
get_property(SLUICE_NEEDS_LIBRARIES GLOBAL PROPERTY SLUICE_NEEDS_LIBRARIES)
list(REMOVE_DUPLICATES SLUICE_NEEDS_LIBRARIES)
string(REPLACE ";" " " SLUICE_REQUIRES_PRIVATE "${SLUICE_NEEDS_MODULES}")

install(TARGETS sluice sluice_shared EXPORT sluice INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS sluice_command)
if(TARGET sluice_cuda) # where the library looks for it
    install(TARGETS sluice_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

install(EXPORT sluice NAMESPACE sluice:: FILE sluiceTargets.cmake DESTINATION ${SLUICE_PACKAGE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/sluiceConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/sluiceConfig.cmake
                              INSTALL_DESTINATION ${SLUICE_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sluiceConfig.cmake ${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake
        DESTINATION ${SLUICE_PACKAGE_DIR})

file(RELATIVE_PATH SLUICE_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" SLUICE_PREFIX_FROM_PC "${SLUICE_PREFIX_FROM_PC}")
list(TRANSFORM SLUICE_NEEDS_LIBRARIES REPLACE "^([^/-].*)" "-l\\1" OUTPUT_VARIABLE SLUICE_LIBS_PRIVATE)
list(APPEND SLUICE_LIBS_PRIVATE -pthread)
list(JOIN SLUICE_LIBS_PRIVATE " " SLUICE_LIBS_PRIVATE)
configure_file(${PROJECT_SOURCE_DIR}/cmake/sluice.pc.in ${PROJECT_BINARY_DIR}/sluice.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/sluice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
