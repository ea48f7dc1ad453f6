// The header in the other file of two.

#include "two_files.hpp"

freesmtp::EmailMessage MadeElsewhere() {
    return freesmtp::EmailMessage("a@b.test", "c@d.test", "two\r\nlines", "Hello");
}
