// What tests need of the system besides what is under test. The bodies are in main.cpp, the one
// place in tests/ that asks which system this is.
#pragma once

#include <stddef.h>

namespace chimera_test {

size_t page_size();
char* map_pages(size_t bytes);
void forbid_page(char* page, size_t bytes);   // every access to it is the end of the program
void unmap_pages(char* pages, size_t bytes);

// Ends the program when nothing has called this again within that time; 0 = no more of that.
void watch(unsigned seconds);

}  // namespace chimera_test
