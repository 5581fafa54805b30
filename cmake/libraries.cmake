# The library as users see it: sluice::sluice is static and sluice::shared is not. BUILD_SHARED_LIBS chooses one of
# them, which then has both names; without it there are both, and what links sluice::sluice is static.
# Before 1.0 a minor version may change what programs are linked with.
set(SLUICE_SOVERSION ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(SLUICE_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()

# sluice_library(TARGET STATIC|SHARED): one of them.
function(sluice_library target kind)
    add_library(${target} ${kind} $<TARGET_OBJECTS:sluice_objects>)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME sluice VERSION ${PROJECT_VERSION}
                                               SOVERSION ${SLUICE_SOVERSION})
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:sluice_flags> $<BUILD_INTERFACE:sluice_needs>)
    if(kind STREQUAL SHARED) # it shows no names of archives, which would stand for those of the program's own libraries
        target_link_options(${target} PRIVATE LINKER:--exclude-libs,ALL)
    endif()
    if(kind STREQUAL STATIC) # whoever links it needs what it needs
        target_link_libraries(${target} PRIVATE $<INSTALL_INTERFACE:sluice::needs>)
    endif()
endfunction()

set(SLUICE_LIBRARIES sluice)
if(NOT DEFINED BUILD_SHARED_LIBS)
    sluice_library(sluice STATIC)
    sluice_library(sluice_shared SHARED)
    set_target_properties(sluice_shared PROPERTIES EXPORT_NAME shared)
    add_library(sluice::shared ALIAS sluice_shared)
    list(APPEND SLUICE_LIBRARIES sluice_shared)
elseif(BUILD_SHARED_LIBS)
    sluice_library(sluice SHARED)
    add_library(sluice::shared ALIAS sluice)
else()
    sluice_library(sluice STATIC)
endif()
add_library(sluice::sluice ALIAS sluice)
