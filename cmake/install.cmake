# What `cmake --install` puts where: libraries, the command, headers, and, for programs that use them, a
# CMake package (find_package(sluice): sluice::sluice is static, sluice::shared is not) and sluice.pc.
# Both find the prefix relative to their own path, so that `--prefix elsewhere` stays right. Plug-ins go to
# lib/sluice, licence and documents to share/doc/sluice.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(SLUICE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
get_property(SLUICE_NEEDS_MODULES GLOBAL PROPERTY SLUICE_NEEDS_MODULES)
get_property(SLUICE_NEEDS_LIBRARIES GLOBAL PROPERTY SLUICE_NEEDS_LIBRARIES)
list(REMOVE_DUPLICATES SLUICE_NEEDS_LIBRARIES)
string(REPLACE ";" " " SLUICE_REQUIRES_PRIVATE "${SLUICE_NEEDS_MODULES}")

install(TARGETS ${SLUICE_LIBRARIES} EXPORT sluice INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS sluice_command)
if(TARGET sluice_cuda) # where runtime/device/plugin.c looks for it
    install(TARGETS sluice_cuda LIBRARY DESTINATION ${SLUICE_PLUGIN_DIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The command prints its manual page and its completion.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    message(STATUS "not built: manual page, completion (the command prints them, and does not run here: "
                   "set CMAKE_CROSSCOMPILING_EMULATOR)")
else()
    add_custom_command(OUTPUT sluice.1 sluice.bash
                       COMMAND sluice_command help --man > sluice.1
                       COMMAND sluice_command help --completion bash > sluice.bash
                       DEPENDS sluice_command VERBATIM)
    add_custom_target(sluice_help ALL DEPENDS sluice.1 sluice.bash)
    install(FILES ${PROJECT_BINARY_DIR}/sluice.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${PROJECT_BINARY_DIR}/sluice.bash RENAME sluice
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

install(FILES LICENSE README.md HACKING.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN progress.md EXCLUDE)
install(FILES tests/golden/1f1b-4x8.svg DESTINATION ${CMAKE_INSTALL_DOCDIR}/tests/golden) # the README shows it
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.c PATTERN *.json PATTERN *.csv)

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
if(DEFINED BUILD_SHARED_LIBS AND NOT BUILD_SHARED_LIBS) # nothing but the archive: every program needs what it needs
    set(SLUICE_PC_PRIVATE "")
    set(SLUICE_PC_LIBS " ${SLUICE_LIBS_PRIVATE}")
else()
    set(SLUICE_PC_PRIVATE ".private")
    set(SLUICE_PC_LIBS_PRIVATE "Libs.private: ${SLUICE_LIBS_PRIVATE}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/sluice.pc.in ${PROJECT_BINARY_DIR}/sluice.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/sluice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
