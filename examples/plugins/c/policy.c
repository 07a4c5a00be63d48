// Refuses the tag `latest`, and images that do not say where they come from.

#include <string.h>

#include "admission.h"

typedef exports_berth_plugin_admission_hook_decision_t decision_t;

static bool is(const admission_string_t *a, const admission_string_t *b) {
    return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

static void deny(decision_t *decision, const char *rule, const char *message) {
    exports_berth_plugin_admission_hook_denial_t *denial = &decision->outcome.val.deny;
    decision->outcome.tag = EXPORTS_BERTH_PLUGIN_ADMISSION_HOOK_OUTCOME_DENY;
    admission_string_dup(&denial->rule, rule);
    admission_string_dup(&denial->message, message);
    denial->detail.is_some = false;
}

void exports_berth_plugin_lifecycle_describe(exports_berth_plugin_lifecycle_plugin_info_t *info) {
    memset(info, 0, sizeof *info);
    admission_string_dup(&info->name, "example.policy-c");
    admission_string_dup(&info->version, "1.0.0");
}

void exports_berth_plugin_lifecycle_check_config(exports_berth_plugin_lifecycle_list_problem_t *problems) {
    memset(problems, 0, sizeof *problems);
}

static bool is_annotated(berth_plugin_image_borrow_image_t image, const admission_string_t *key) {
    berth_plugin_image_string_map_t annotations;
    berth_plugin_image_method_image_annotations(image, &annotations);
    for (size_t i = 0; i < annotations.len; i++) {
        if (is(&annotations.ptr[i].f0, key)) return true;
    }
    return false;
}

// All memory goes with the call, so that nothing needs to be freed; but what was lent has to be given back.
bool exports_berth_plugin_admission_hook_admit(
    exports_berth_plugin_admission_hook_admission_request_t *request,
    exports_berth_plugin_admission_hook_borrow_image_t *image,
    decision_t *decision,
    exports_berth_plugin_admission_hook_error_t *error
) {
    admission_string_t latest, setting, key = {0};
    bool annotated = false;
    (void)error;
    memset(decision, 0, sizeof *decision); // EXPORTS_…_OUTCOME_ALLOW is 0
    admission_string_set(&setting, "annotation");
    berth_plugin_config_get(&setting, &key);
    if (image != NULL) {
        annotated = is_annotated(*image, &key);
        berth_plugin_image_image_drop_borrow(*image);
    }
    admission_string_set(&latest, "latest");
    if (request->reference.is_some && is(&request->reference.val, &latest)) {
        deny(decision, "no-latest", "push a version instead of latest");
        return true;
    }
    if (annotated) return true;
    char message[256] = "annotate the image with ";
    size_t length = strlen(message);
    if (key.len < sizeof message - length) memcpy(message + length, key.ptr, key.len);
    deny(decision, "required-annotation", message);
    return true;
}
