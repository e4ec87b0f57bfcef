"""Settings, driven by the environment alone (docs/operating.md lists every variable).

Without DEBUG, a missing or weak secret stops the start with a message that names every
variable at fault. With DEBUG each has a development value, and only this machine is served.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from environs import Env

from practice import environment
from practice.http import headers
from practice.media import stored_files
from practice.operations import logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(eager=False)
for parser in environment.PARSERS:
    env.add_parser(parser.__name__, parser)
DEBUG = env.bool("DEBUG", False)


def secret(parse, name, development, **checks):
    """A variable that has a value of its own only in development."""
    return parse(name, development, **checks) if DEBUG else parse(name, **checks)


# --- Secrets and hosts -----------------------------------------------------------------
SECRET_KEY = secret(
    env.str,
    "SECRET_KEY",
    environment.DEVELOPMENT_SECRET_KEY,
    validate=environment.strong_secret,
)
FIELD_ENCRYPTION_KEYS = secret(
    env.list,
    "FIELD_ENCRYPTION_KEYS",
    [environment.DEVELOPMENT_ENCRYPTION_KEY],
    validate=environment.encryption_keys,
)
ALLOWED_HOSTS = secret(
    env.list,
    "ALLOWED_HOSTS",
    ["localhost", "127.0.0.1", "[::1]"],
    validate=environment.local_hosts if DEBUG else environment.named_hosts,
)
SITE_URL = env.site_url("SITE_URL", "", hosts=ALLOWED_HOSTS, is_development=DEBUG)
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", 30, validate=environment.between(5, 120))
SESSION_HOURS = env.int("SESSION_HOURS", 12, validate=environment.between(1, 12))
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", ["127.0.0.1", "::1"], validate=environment.networks)

# --- Services --------------------------------------------------------------------------
# How many machines serve this site: with more than one, nothing may lie on one of them alone.
SERVERS = env.int("SERVERS", 1, validate=environment.between(1, 1000))
sqlite = f"sqlite:///{BASE_DIR / 'practice.sqlite3'}"
DATABASES = {"default": env.database("DATABASE_URL", sqlite, servers=SERVERS, conn_max_age=60)}
# Failed sign-ins are counted in the cache, so even the processes of one machine share it.
CACHES = {
    "default": env.cache(
        "CACHE_URL", "locmem://" if DEBUG else f"db://{environment.CACHE_TABLE}", servers=SERVERS
    )
}
MAIL = env.mail_server("EMAIL_URL", "console://" if DEBUG else "smtp://localhost:25")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "", validate=environment.sender)
SHARED_MEDIA = env.bool("SHARED_MEDIA", False)
BUCKET = env.bucket("MEDIA_STORAGE_URL", "", servers=SERVERS, is_shared=SHARED_MEDIA)
MEDIA_ROOT = env.str("MEDIA_ROOT", str(BASE_DIR / "media"))
BACKUP_RECIPIENTS = env.list("BACKUP_RECIPIENTS", [], validate=environment.backup_recipients)
PRIVATE_MEDIA_ROOT = env.str("PRIVATE_MEDIA_ROOT", str(BASE_DIR / "private_media"))

# --- Watching --------------------------------------------------------------------------
ERROR_EMAIL = env.list("ERROR_EMAIL", [], validate=environment.mail_addresses)
LOG_FORMAT = env.str("LOG_FORMAT", "text", validate=environment.one_of("text", "json"))
LOG_REQUESTS = env.bool("LOG_REQUESTS", not DEBUG)
MONITORING_URL = env.ping("MONITORING_URL", "", is_development=DEBUG)
# The daily request that walks the whole way; by SELF_TEST_URL when SITE_URL leads elsewhere.
SELF_TEST = env.bool("SELF_TEST", not DEBUG)
SELF_TEST_URL = env.site_url("SELF_TEST_URL", "", hosts=None, is_development=True)
# How often the server's timer makes a backup; 0 where nobody expects any.
BACKUP_EVERY_HOURS = env.int("BACKUP_EVERY_HOURS", 0, validate=environment.between(0, 24 * 31))
AUDIT_YEARS = env.int("AUDIT_YEARS", 6, validate=environment.between(1, 30))
env.seal()

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
if "Redis" not in CACHES["default"]["BACKEND"]:
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
    "practice.http.headers.HeadersMiddleware",
    "practice.http.http_methods.AllowedMethodsMiddleware",
    "practice.http.proxies.TrustedProxyMiddleware",
    "practice.operations.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "practice.http.compression.CompressionMiddleware",
    "practice.http.headers.PagePolicyMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "practice.accounts.sessions.SessionActivityMiddleware",
    "practice.accounts.unsaved.UnsavedTextMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "practice.accounts.second_factor.SecondFactorMiddleware",
    "practice.practice_time.PracticeTimeMiddleware",
    "practice.audit.StaffAuditMiddleware",
    "practice.editing.old_addresses.OldAddressMiddleware",
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
    # Pictures, and apart from them patients' photographs, encrypted.
    **stored_files.storages(BUCKET, private_root=PRIVATE_MEDIA_ROOT, media_url=MEDIA_URL),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "practice.http.static_storage.StaticStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Language and time -----------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "practice.formats"
USE_I18N = False  # One language; looking up English for English is a tenth of a page.
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
ACCOUNT_ADAPTER = "practice.accounts.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # Strangers get no mail from us.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Django's own knows only User.email; allauth's would begin a second list of addresses.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105 (a class)
PASSWORD_RESET_TIMEOUT = 60 * 60
ACCOUNT_REAUTHENTICATION_TIMEOUT = (
    5 * 60
)  # Seconds; see practice.accounts.sign_in.recently_confirmed.
ACCOUNT_FORMS = {
    "login": "practice.accounts.sign_in.SignInForm",
    "reset_password": "practice.accounts.sign_in.ResetForm",
}
ACCOUNT_RATE_LIMITS = {
    # Whole teams sit behind one address, and mistype: this only stops machines.
    "login": "30/m/ip",
    # Failures of a password or a code. Per name, so that many addresses do not help: five
    # at once, then a wait that a person bears; a hundred a day, where NIST SP 800-63B draws
    # the line, and by which somebody with the password guesses a code in nine years.
    "login_failed": "10/m/ip,5/5m/key,100/d/key",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    # Each costs a mail: nobody's mailbox is to be filled from here.
    "reset_password": "10/5m/ip,3/15m/key",
    "reset_password_from_key": "20/m/ip",
}
ALLAUTH_TRUSTED_PROXY_COUNT = 0  # TrustedProxyMiddleware has already put the real address in.
MFA_ADAPTER = "practice.accounts.second_factor.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # A superuser makes the accounts and knows the addresses.
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # Phones' clocks differ, and fingers are slow; see second_factor.OnceOnly.
MFA_FORMS = {
    "authenticate": "practice.accounts.second_factor.SignInCodeForm",
    "reauthenticate": "practice.accounts.second_factor.ConfirmingCodeForm",
    "add_webauthn": "practice.accounts.second_factor.PasskeyForm",
    "login_webauthn": "practice.accounts.second_factor.PasskeySignInForm",
    "authenticate_webauthn": "practice.accounts.second_factor.PasskeySecondForm",
    "reauthenticate_webauthn": "practice.accounts.second_factor.ConfirmingPasskeyForm",
}
SECOND_FACTOR_REQUIRED = not DEBUG
SESSION_ENGINE = "practice.accounts.session_store"
SESSION_COOKIE_AGE = SESSION_HOURS * 60 * 60
# A browser takes “__Host-” cookies from this host alone, over HTTPS alone.
COOKIE_PREFIX = "" if DEBUG else "__Host-"
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrf"
MESSAGE_STORAGE = "practice.http.headers.MessageStorage"
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
PERMISSIONS_POLICY = headers.PERMISSIONS
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
WHITENOISE_ADD_HEADERS_FUNCTION = headers.of_static_file
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 2 * 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

# --- Logs: what happened and where, never what was typed ---------------------------------
LOGGING = logs.configuration(
    debug=DEBUG, log_format=LOG_FORMAT, with_requests=LOG_REQUESTS, error_mail=bool(ERROR_EMAIL)
)
