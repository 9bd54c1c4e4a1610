# native.cmake: libGigaVector.a, libGigaVector.so, and what `cmake --install` puts in place.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
target_link_libraries(gigavector_core PRIVATE Threads::Threads)

add_library(gigavector_static STATIC $<TARGET_OBJECTS:gigavector_core>)
add_library(gigavector_shared SHARED $<TARGET_OBJECTS:gigavector_core>)
foreach(target gigavector_static gigavector_shared)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME GigaVector LINKER_LANGUAGE C)
    target_include_directories(${target} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target} PUBLIC Threads::Threads PRIVATE m) # sqrt() is a call in unoptimised builds only
    if(GV_SANITIZE)
        target_link_options(${target} PUBLIC -fsanitize=${GV_SANITIZE})
    endif()
    if(GV_COVERAGE)
        target_link_options(${target} PUBLIC --coverage)
    endif()
endforeach()
# Before 1.0 every minor version may change the interface, so it is part of the SONAME.
set_target_properties(gigavector_shared PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
if(NOT APPLE AND NOT GV_SANITIZE)
    target_link_options(gigavector_shared PRIVATE -Wl,--no-undefined -Wl,--as-needed)
endif()
set_target_properties(gigavector_shared PROPERTIES EXPORT_NAME GigaVector)
set_target_properties(gigavector_static PROPERTIES EXPORT_NAME GigaVectorStatic)
add_library(GigaVector::GigaVector ALIAS gigavector_shared)
add_library(GigaVector::GigaVectorStatic ALIAS gigavector_static)

add_custom_target(lib DEPENDS gigavector_static gigavector_shared)

if(GV_INSTALL)
    include(CMakePackageConfigHelpers)
    set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/GigaVector)

    install(TARGETS gigavector_shared gigavector_static EXPORT GigaVectorTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(FILES ${PROJECT_SOURCE_DIR}/include/gigavector.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT GigaVectorTargets NAMESPACE GigaVector:: DESTINATION ${package_dir})

    configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/GigaVectorConfig.cmake.in
        ${PROJECT_BINARY_DIR}/GigaVectorConfig.cmake INSTALL_DESTINATION ${package_dir})
    write_basic_package_version_file(${PROJECT_BINARY_DIR}/GigaVectorConfigVersion.cmake
        COMPATIBILITY SameMinorVersion)
    install(FILES ${PROJECT_BINARY_DIR}/GigaVectorConfig.cmake ${PROJECT_BINARY_DIR}/GigaVectorConfigVersion.cmake
        DESTINATION ${package_dir})

    # Relative to where the file lies, so that an installed tree may be moved.
    file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
    configure_file(${CMAKE_CURRENT_LIST_DIR}/gigavector.pc.in ${PROJECT_BINARY_DIR}/gigavector.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/gigavector.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
