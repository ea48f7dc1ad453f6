// What the two files of the program agree on.

#include <freesmtp.hpp>

freesmtp::EmailMessage MadeElsewhere();
