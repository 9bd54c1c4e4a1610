# wasm.cmake: gigavector.wasm and gigavector.all.wasm, modules of their own (no generated JavaScript); js/ has the loader.
# The first has what nearly everyone needs, and is small; the loader takes the second where the first says "unsupported".
# gigavector.relaxed.wasm and gigavector.all.relaxed.wasm are the same with one instruction more, for the engines that have it (docs/adr/0019).

# The exports are the functions declared between the marks of the header, which cffi reads as well.
set(header ${PROJECT_SOURCE_DIR}/include/gigavector.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
file(READ ${header} block)
string(REGEX REPLACE "^.*bindings:begin[^\n]*\n" "" block "${block}")
string(REGEX REPLACE "/\\* bindings:end.*$" "" block "${block}")
string(REGEX REPLACE "/\\*[^*]*\\*+([^/*][^*]*\\*+)*/" "" block "${block}")
string(REGEX MATCHALL "gv_[a-z0-9_]+[(]" functions "${block}")
list(TRANSFORM functions REPLACE "(.*)[(]" "_\\1")
list(JOIN functions "\n" export_list)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/exports.txt CONTENT "${export_list}\n_malloc\n_free\n" @ONLY)

# The only imports of ours are what src/storage/vfs_host.c declares as HOST(name). Emscripten is told of each, as a
# JavaScript library that nothing ever runs, so that any other undefined name stays an error.
set(host ${PROJECT_SOURCE_DIR}/src/storage/vfs_host.c)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${host})
file(STRINGS ${host} imports REGEX "HOST[(]gv_host_")
list(TRANSFORM imports REPLACE ".*HOST[(](gv_host_[a-z_]+)[)].*" "\\1() {},")
list(JOIN imports " " imports)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/imports.js CONTENT "mergeInto(LibraryManager.library, { ${imports} });\n" @ONLY)

# Shared by the module and by the C tests that run in Node. malloc() is base/malloc_wasm.c, which is smaller than
# dlmalloc (docs/adr/0014); emmalloc (3.1.6) traps at 4 GB.
add_library(gigavector_wasm_link INTERFACE)
target_link_options(gigavector_wasm_link INTERFACE
    -Os -sSTANDALONE_WASM -sMALLOC=none -sALLOW_MEMORY_GROWTH -sINITIAL_MEMORY=4MB -sMAXIMUM_MEMORY=4GB
    -sTOTAL_STACK=1MB --js-library ${PROJECT_BINARY_DIR}/imports.js)

add_library(gigavector_static STATIC $<TARGET_OBJECTS:gigavector_core>)
set_target_properties(gigavector_static PROPERTIES LINKER_LANGUAGE C)

# gv_wasm_module <target> <file> <object ...>
function(gv_wasm_module target file)
    add_executable(${target} ${ARGN})
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${file} SUFFIX .wasm LINKER_LANGUAGE C LINK_DEPENDS ${PROJECT_BINARY_DIR}/exports.txt)
    target_link_libraries(${target} PRIVATE gigavector_wasm_link)
    target_link_options(${target} PRIVATE --no-entry -sEXPORTED_FUNCTIONS=@${PROJECT_BINARY_DIR}/exports.txt)
    # once more over what emcc has linked: 400 bytes less by gzip, as fast
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM
        COMMAND ${GV_WASM_OPT} --enable-simd --enable-relaxed-simd -Oz $<TARGET_FILE:${target}> -o $<TARGET_FILE:${target}>)
endfunction()

# Emscripten brings Binaryen along, or depends on it.
find_program(GV_WASM_OPT wasm-opt HINTS ${EMSCRIPTEN_ROOT_PATH}/../bin REQUIRED)
find_program(GV_WASM_DIS wasm-dis HINTS ${EMSCRIPTEN_ROOT_PATH}/../bin REQUIRED)
find_program(GV_PYTHON3 python3 REQUIRED)

# gv_wasm_relaxed_module <target> <file> <object ...>: of which one is of gv_relaxed_kernels()
function(gv_wasm_relaxed_module target file)
    set(patch ${PROJECT_SOURCE_DIR}/scripts/relaxed_dot.py)
    gv_wasm_module(${target} ${file} ${ARGN})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${patch})
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM
        COMMAND ${GV_PYTHON3} ${patch} ${GV_WASM_DIS} $<TARGET_FILE:${target}>)
endfunction()

# gv_relaxed_kernels <target> [definition ...]
function(gv_relaxed_kernels target)
    add_library(${target} OBJECT ${PROJECT_SOURCE_DIR}/src/kernels/wasm128.c)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(${target} PRIVATE ${ARGN})
    target_compile_options(${target} PRIVATE -msimd128 -mrelaxed-simd)
    target_link_libraries(${target} PRIVATE gigavector_flags)
endfunction()
gv_relaxed_kernels(gigavector_relaxed GV_SMALL_MODULE)
gv_relaxed_kernels(gigavector_all_relaxed)

gv_wasm_module(gigavector_all gigavector.all $<TARGET_OBJECTS:gigavector_core>)
gv_wasm_relaxed_module(gigavector_all_with_relaxed gigavector.all.relaxed
    $<FILTER:$<TARGET_OBJECTS:gigavector_core>,EXCLUDE,/kernels/wasm128.c.o$> $<TARGET_OBJECTS:gigavector_all_relaxed>)

# The files that list what there is, or have a branch for sparse or narrow rows, are compiled again without; what nobody names is not linked.
set(lists kernels/kernels.c kernels/wasm128.c index/index_list.c index/coded_scan.c index/flat.c index/hnsw_insert.c index/hnsw_rank.c
    index/hnsw_search.c index/scan.c storage/image.c storage/superblock.c storage/table.c storage/table_image.c api/batch.c api/care.c api/compact.c api/db.c api/find.c
    api/groups.c api/declared_keys.c api/open.c api/options.c api/pack.c api/range.c api/recover.c api/rows.c api/sparse_calls.c api/store.c api/train.c api/upsert.c api/write.c
    query/search.c query/terms_scan.c)
list(TRANSFORM lists PREPEND ${PROJECT_SOURCE_DIR}/src/ OUTPUT_VARIABLE list_files)
add_library(gigavector_small OBJECT ${list_files})
target_include_directories(gigavector_small PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(gigavector_small PRIVATE GV_SMALL_MODULE GV_VERSION="${PROJECT_VERSION}")
target_compile_options(gigavector_small PRIVATE -msimd128)
target_link_libraries(gigavector_small PRIVATE gigavector_flags)

# No index over metadata in the small one: terms_scan.c is in its place.
set(small_sources ${core_sources} ${PROJECT_SOURCE_DIR}/src/query/terms_scan.c)
list(FILTER small_sources EXCLUDE REGEX "/(query/terms(_check|_find|_load|_numbers|_postings|_save|_values)?|storage/keys)\\.c$")

# In this order of layers gzip finds most alike.
set(ordered "")
foreach(layer kernels index base storage api query)
    set(of_layer ${small_sources})
    list(FILTER of_layer INCLUDE REGEX "/src/${layer}/")
    list(SORT of_layer ORDER DESCENDING)
    list(APPEND ordered ${of_layer})
endforeach()
set(small_objects "")
set(relaxed_objects "")
foreach(source IN LISTS ordered)
    file(RELATIVE_PATH source ${PROJECT_SOURCE_DIR}/src ${source})
    if(source IN_LIST lists)
        set(from gigavector_small)
    else()
        set(from gigavector_core)
    endif()
    set(object $<FILTER:$<TARGET_OBJECTS:${from}>,INCLUDE,/src/${source}.o$>)
    list(APPEND small_objects ${object})
    if(source STREQUAL kernels/wasm128.c)
        set(object $<TARGET_OBJECTS:gigavector_relaxed>)
    endif()
    list(APPEND relaxed_objects ${object})
endforeach()
gv_wasm_module(gigavector_wasm gigavector ${small_objects})
gv_wasm_relaxed_module(gigavector_with_relaxed gigavector.relaxed ${relaxed_objects})

add_custom_target(lib DEPENDS gigavector_wasm gigavector_with_relaxed gigavector_all gigavector_all_with_relaxed)
