# The target `lint`: clang-format (.clang-format), clang-tidy (.clang-tidy) and cppcheck
# (cmake/cppcheck.txt), the latter two over everything that this build compiles. `cmake --preset dev && cmake --build --preset lint`.
find_program(SLUICE_CLANG_TIDY NAMES clang-tidy-14 clang-tidy)
find_program(SLUICE_CPPCHECK cppcheck)
find_program(SLUICE_CLANG_FORMAT NAMES clang-format-14 clang-format)
mark_as_advanced(SLUICE_CLANG_TIDY SLUICE_CPPCHECK SLUICE_CLANG_FORMAT)

add_custom_target(lint
    COMMAND ${CMAKE_COMMAND} -E env "SLUICE_CLANG_TIDY=${SLUICE_CLANG_TIDY}"
            "SLUICE_CPPCHECK=${SLUICE_CPPCHECK}" "SLUICE_CLANG_FORMAT=${SLUICE_CLANG_FORMAT}"
            bash ${PROJECT_SOURCE_DIR}/cmake/lint.sh ${PROJECT_BINARY_DIR}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    USES_TERMINAL VERBATIM)
