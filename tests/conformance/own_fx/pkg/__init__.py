from .sub import work
from .inner.deep import *

