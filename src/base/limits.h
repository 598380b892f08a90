/* limits.h - every limit of everything that grows, in one place. Reaching one is RC_LIMIT and a
 * counter. */
#ifndef SLUICE_BASE_LIMITS_H
#define SLUICE_BASE_LIMITS_H

#define NAME_SIZE 64  /* bytes of a pool, class, metric, tier name, NUL included */
#define TEXT_SIZE 256 /* bytes of a longer text in a specification */
#define POOLS_PER_GROUP_MAX 8
#define CLASSES_PER_POOL_MAX 8
#define METRICS_PER_POOL_MAX 16
#define SHADOWS_PER_POOL_MAX 4
#define SERIES_PER_POOL_MAX 32 /* windows of one pool: metrics, policy and shadows together */
#define MODELS_PER_POOL_MAX 32
#define SOURCES_PER_POOL_MAX 32
#define SIGNALS_PER_SOURCE_MAX 16
#define QUERY_SIZE 1024      /* bytes of a query to a source, NUL included */
#define TRAIL_MAX 32         /* entries of one decision: a metric each and two per stage */
#define REPLICAS_MAX 1000000 /* ceiling of any replica count */

#define TABLE_REPLICAS_MAX 100000
#define SAMPLES_PER_TICK_MAX 65536 /* of one group, from all sources but the gateways */

#define JSON_DEPTH_DEFAULT 64
#define CONFIG_BYTES_MAX (8U << 20)
#define CONFIG_NODES_MAX 500000
#define YAML_ALIAS_EXPANSIONS_MAX 10000
#define YAML_DEPTH_MAX 64
#define YAML_DOCUMENTS_MAX 1000
#define CONFIG_POOLS_MAX 10000
#define PROBLEMS_MAX 200 /* kept of one file; the others are counted */
#define TARGET_ARGS_MAX 1024
#define TARGET_ENV_MAX 256
#define TARGET_ENDPOINTS_MAX 256

#define PROM_PAGE_BYTES_MAX ((size_t)8 << 20) /* a metrics page; engines write 10 to 500 kB */
#define PROM_LINE_BYTES_MAX ((size_t)64 << 10)
#define PROM_SERIES_MAX 100000U      /* samples of one page */
#define PROM_LABELS_MAX 64U          /* of one sample */
#define PROM_EXEMPLAR_CHARS_MAX 128U /* names and values of its labels, as OpenMetrics says */
#define SCRAPE_NUMBERS_MAX 512U      /* of one engine: series that are read */
#define SCRAPE_HISTOGRAMS_MAX 128U   /* of one engine */
#define SCRAPE_BUCKETS_MAX 64U       /* of one histogram, +Inf included */

#define HTTP_HEAD_BYTES_MAX ((size_t)16 << 10)
#define HTTP_HEADERS_MAX 100
#define HTTP_FIELD_BYTES_MAX                                                                       \
    8000U /* one header field; other servers stop at 8 KiB to 8190 bytes                           \
           */
#define HTTP_TARGET_BYTES_MAX 4000U
#define HTTP_CHUNK_LINE_BYTES_MAX 256U /* size and extensions of one chunk */
#define HTTP_TRAILER_BYTES_MAX (8U << 10)
#define HTTP_BODY_BYTES_MAX (64U << 20)
#define BODY_PEEK_BYTES_MAX (1U << 20)
#define STREAM_BUFFER_BYTES_MAX (1U << 20)

#endif
