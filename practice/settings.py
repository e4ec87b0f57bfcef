"""Settings, driven by the environment alone (docs/operating.md lists every variable).

Without DEBUG, a missing or weak secret stops the start with a message that names every
variable at fault. With DEBUG each has a development value, and only this machine is served.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from environs import Env

from practice import environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(eager=False)
DEBUG = env.bool("DEBUG", False)


def secret(parse, name, development, **checks):
    """A variable that has a value of its own only in development."""
    return parse(name, development, **checks) if DEBUG else parse(name, **checks)


# --- Secrets and hosts -----------------------------------------------------------------
SECRET_KEY = secret(
    env.str,
    "SECRET_KEY",
    "development-only-and-known-to-everyone-who-reads-this-file",
    validate=environment.strong_secret,
)
FIELD_ENCRYPTION_KEYS = secret(
    env.list,
    "FIELD_ENCRYPTION_KEYS",
    ["ZGV2ZWxvcG1lbnQtb25seS1rZXktbm90LXNlY3JldCE="],
    validate=environment.encryption_keys,
)
ALLOWED_HOSTS = secret(
    env.list,
    "ALLOWED_HOSTS",
    ["localhost", "127.0.0.1", "[::1]"],
    validate=environment.local_hosts if DEBUG else environment.named_hosts,
)
SITE_URL = env.str("SITE_URL", "")
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", ["127.0.0.1", "::1"], validate=environment.networks)

# --- Services --------------------------------------------------------------------------
DATABASES = {
    "default": env.dj_db_url(
        "DATABASE_URL", f"sqlite:///{BASE_DIR / 'practice.sqlite3'}", conn_max_age=60
    )
}
CACHES = {"default": env.dj_cache_url("CACHE_URL", "locmem://")}
MAIL = env.dj_email_url("EMAIL_URL", "console://" if DEBUG else "smtp://localhost:25")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "")
MEDIA_ROOT = env.str("MEDIA_ROOT", str(BASE_DIR / "media"))
PRIVATE_MEDIA_ROOT = env.str("PRIVATE_MEDIA_ROOT", str(BASE_DIR / "private_media"))
env.seal()

environment.complete_mail_settings(MAIL)
SITE_URL = (
    SITE_URL or ("http://localhost:8000" if DEBUG else f"https://{ALLOWED_HOSTS[0].lstrip('.')}")
).rstrip("/")
DEFAULT_FROM_EMAIL = DEFAULT_FROM_EMAIL or f"no-reply@{ALLOWED_HOSTS[0].lstrip('.')}"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
CSRF_TRUSTED_ORIGINS = [SITE_URL]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Writers queue for the lock at BEGIN instead of failing when a reader turns writer.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Below the default of 300 entries the sign-in throttle's counters would be evicted.
CACHES["default"].setdefault("OPTIONS", {})
if "locmem" in CACHES["default"]["BACKEND"]:
    CACHES["default"]["OPTIONS"]["MAX_ENTRIES"] = 10_000

EMAIL_BACKEND = "post_office.EmailBackend"
EMAIL_TIMEOUT = 20
for name, value in MAIL.items():
    if name not in ("EMAIL_BACKEND", "EMAIL_TIMEOUT"):
        globals()[name] = value
MAIL_TRANSPORT = MAIL["EMAIL_BACKEND"]
POST_OFFICE = {
    "BACKENDS": {"default": "consultations.mail_backend.PrivateLinkBackend"},
    "DEFAULT_PRIORITY": "medium",
    "MAX_RETRIES": 100,
    "RETRY_INTERVAL": timedelta(minutes=5),
    "BATCH_SIZE": 1,  # The worker renews its lease between mails.
    "THREADS_PER_PROCESS": 1,
    "LOG_LEVEL": 1,
}

# --- Applications ----------------------------------------------------------------------
INSTALLED_APPS = [
    "practice.apps.PracticeConfig",
    "procedures",
    "consultations",
    "practice.apps.PracticeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.sitemaps",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "auditlog",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "phonenumber_field",
    "post_office",
]
MIDDLEWARE = [
    "practice.http_methods.AllowedMethodsMiddleware",
    "practice.proxies.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Adds random padding, so that the length of a page tells nothing of the tokens in it.
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "practice.sign_in.SecondFactorMiddleware",
    "practice.practice_time.PracticeTimeMiddleware",
    "practice.audit.StaffAuditMiddleware",
    "practice.old_addresses.OldAddressMiddleware",
]
ROOT_URLCONF = "practice.urls"
WSGI_APPLICATION = "practice.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "practice.context_processors.practice",
            ],
            "builtins": ["practice.templatetags.text"],
        },
    },
    # post_office looks for an engine of this name when it renders stored mail.
    {
        "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
        "APP_DIRS": True,
        "DIRS": [],
        "OPTIONS": {"context_processors": []},
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
AUDITLOG_DISABLE_ON_RAW_SAVE = True

# --- Files -----------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Patients' photographs, encrypted; no URL leads here.
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": PRIVATE_MEDIA_ROOT,
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "practice.static_storage.StaticStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Language and time -----------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
PHONENUMBER_DEFAULT_REGION = "US"
PHONENUMBER_DB_FORMAT = "E164"
PHONENUMBER_DEFAULT_FORMAT = "INTERNATIONAL"

# --- Signing in ------------------------------------------------------------------------
AUTH_USER_MODEL = "practice.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator")
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    }
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin/"
ACCOUNT_ADAPTER = "practice.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ALLAUTH_TRUSTED_PROXY_COUNT = 0  # TrustedProxyMiddleware has already put the real address in.
MFA_ADAPTER = "practice.sign_in.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Practice website"
SECOND_FACTOR_REQUIRED = not DEBUG
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "practice.views.csrf_failure"

# --- What browsers are told ------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
PERMISSIONS_POLICY = {
    feature: []
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "fullscreen", "geolocation"),
        *("gyroscope", "magnetometer", "microphone", "midi", "payment", "usb"),
    )
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 2 * 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

# --- Logs: what happened and where, never what was typed ---------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "practice.logs.Formatter" if DEBUG else "practice.logs.SafeFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # It reports every look into an empty queue, and through a handler of its own unless
        # it has one already.
        "post_office": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django": {"handlers": [], "level": "INFO", "propagate": True},
    },
}
