/* date.h - days since 1970-01-01 and dates of the proleptic Gregorian calendar, any year. */
#ifndef SLUICE_BASE_DATE_H
#define SLUICE_BASE_DATE_H

#include <stdint.h>

/* month 1 to 12; a day beyond the month's end runs into the next one. */
int64_t date_to_days(int64_t year, int month, int day);
void date_of_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
int date_days_in_month(int64_t year, int month);
int date_weekday(int64_t days); /* 0 = Sunday */

#endif
