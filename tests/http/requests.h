/* Bodies that several tests send. */
#ifndef TESTS_HTTP_REQUESTS_H
#define TESTS_HTTP_REQUESTS_H

/* Small and quick; the answer's values are known from Keras. */
#define QUICK_BODY                                                                                 \
    "{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": \"UpSampling2D\", \"config\": "        \
    "{\"size\": 2}}}"
#define QUICK_SHAPE "\"shape\":[4,4]"

/* Small in bytes, but billions of multiplications; a few MB of answer. A server of SLOW_ARGUMENTS
 * takes some tenths of a second, long enough to be seen at it however busy the machine is. */
#ifdef __x86_64__
#define SLOW_ARGUMENTS "--threads", "1", "--isa", "baseline"
#else /* has one instruction set */
#define SLOW_ARGUMENTS "--threads", "1"
#endif
#define SLOW_BODY                                                                                  \
    "{\"input\": [[1,2],[3,4]], \"output\": {\"format\": \"npy\"}, \"layers\": ["                  \
    "{\"class_name\": \"UpSampling2D\", \"size\": 192},"                                           \
    "{\"class_name\": \"Conv2DTranspose\", \"filters\": 8, \"kernel_size\": 9, "                   \
    "\"padding\": \"same\"},"                                                                      \
    "{\"class_name\": \"Conv2DTranspose\", \"filters\": 8, \"kernel_size\": 9, "                   \
    "\"padding\": \"same\"},"                                                                      \
    "{\"class_name\": \"Conv2DTranspose\", \"filters\": 8, \"kernel_size\": 9, "                   \
    "\"padding\": \"same\"},"                                                                      \
    "{\"class_name\": \"Conv2DTranspose\", \"filters\": 8, \"kernel_size\": 9, "                   \
    "\"padding\": \"same\"},"                                                                      \
    "{\"class_name\": \"Conv2DTranspose\", \"filters\": 8, \"kernel_size\": 9, "                   \
    "\"padding\": \"same\"},"                                                                      \
    "{\"class_name\": \"Conv2DTranspose\", \"filters\": 1, \"kernel_size\": 9, "                   \
    "\"padding\": \"same\"}]}"

#endif
