# The target `lint`: clang-tidy (.clang-tidy) and cppcheck (cmake/cppcheck.txt) over everything that
# this build compiles. `cmake --preset dev && cmake --build --preset lint`.
find_program(SLUICE_CLANG_TIDY NAMES clang-tidy-14 clang-tidy)
find_program(SLUICE_CPPCHECK cppcheck)
mark_as_advanced(SLUICE_CLANG_TIDY SLUICE_CPPCHECK)

add_custom_target(lint
    COMMAND ${CMAKE_COMMAND} -E env "SLUICE_CLANG_TIDY=${SLUICE_CLANG_TIDY}"
            "SLUICE_CPPCHECK=${SLUICE_CPPCHECK}"
            bash ${PROJECT_SOURCE_DIR}/cmake/lint.sh ${PROJECT_BINARY_DIR}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    USES_TERMINAL VERBATIM)
