"""virt-api: the admission and conversion webhooks of playvirt, over HTTPS; see docs/admission.md."""
